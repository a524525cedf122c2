#include "executor/process_pin.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/sys.hpp"
#include "netfab/netns.hpp"

namespace executor {

namespace {

constexpr long kPidfsMagic = 0x50494446;  // <linux/magic.h> of 6.9

}  // namespace

std::string process_pin(const base::ProjectPaths& paths, const std::string& container) {
  return paths.container_run(container) + "/pidfd";
}

bool pin_process(const base::PidFd& process, const std::string& path) {
  unpin_process(path);
  const base::Fd tree(static_cast<int>(
      ::syscall(SYS_open_tree, process.get(), "",
                OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | static_cast<unsigned>(AT_EMPTY_PATH))));
  if (!tree) return false;
  const base::Fd target(::open(path.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (target && ::syscall(SYS_move_mount, tree.get(), "", target.get(), "",
                          MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) == 0) {
    return true;
  }
  ::unlink(path.c_str());
  return false;
}

void unpin_process(const std::string& path) {
  // Lazily: somebody may be looking at it.
  if (::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0 && errno == ENOENT) return;
  ::unlink(path.c_str());
}

void unpin_all(const base::ProjectPaths& paths) {
  for (const std::string& name : base::list_dir(paths.run + "/containers")) {
    unpin_process(process_pin(paths, name));
    netfab::remove_netns(paths.netns(name));
  }
}

base::PidFd pinned_process(const std::string& path) {
  base::PidFd out(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct statfs info {};
  if (!out || ::fstatfs(out.get(), &info) != 0 || info.f_type != kPidfsMagic) return {};
  return out;
}

std::optional<ExitRecord> pinned_exit(const std::string& path, const base::ProcessId& process) {
  const base::PidFd pinned = pinned_process(path);
  if (!pinned) return {};
  auto record = pidfd_exit(pinned.get());
  if (!record) return {};
  record->process = process;  // the kernel names none once it has been reaped
  record->time_ns = 0;
  return record;
}

}  // namespace executor
