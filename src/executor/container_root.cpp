#include "executor/container_root.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/sys.hpp"
#include "base/text.hpp"
#include "executor/container_files.hpp"
#include "executor/launch.hpp"
#include "spec/volume_options.hpp"

namespace executor {

namespace {

void change_root(const base::Fd& root, const std::string& what) {
  if (::fchdir(root.get()) != 0 || ::chroot(".") != 0 || ::chdir("/") != 0) {
    base::throw_errno("change to the root of", what);
  }
}

std::string escaped_path(const std::string& path) {
  std::string out;
  for (const char c : path) {
    if (c == '\\' || c == ':' || c == ',') out += '\\';
    out += c;
  }
  return out;
}

// Something of the host's at a path of the container's, as the container would find that path.
base::Fd open_inside(const base::Fd& root, const std::string& path) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  return base::Fd(
      static_cast<int>(::syscall(SYS_openat2, root.get(), path.c_str(), &how, sizeof how)));
}

struct InsideBind {
  std::string source, target;
  bool read_only = false;
};

void bind_inside(const base::Fd& root, const InsideBind& bind) {
  const base::Fd at = open_inside(root, bind.target);
  if (!at) return;  // never started: nothing is there yet
  base::sys::mount(bind.source, base::cat("/proc/self/fd/", at.get()), nullptr, MS_BIND | MS_REC);
  if (!bind.read_only) return;
  const base::Fd mounted = open_inside(root, bind.target);
  base::sys::mount("", base::cat("/proc/self/fd/", mounted.get()), nullptr,
                   MS_BIND | MS_REMOUNT | MS_RDONLY);
}

}  // namespace

void enter_running_root(const base::ProcessId& process) {
  const base::PidFd pidfd = base::open_pidfd(process);
  if (!pidfd) throw base::Error("the container ended meanwhile");
  const base::Fd root =
      base::sys::open(base::cat("/proc/", process.pid, "/root"), O_PATH | O_DIRECTORY);
  // Between the two the pid may have become another's.
  if (!base::is_alive(process)) throw base::Error("the container ended meanwhile");
  if (::setns(pidfd.get(), CLONE_NEWNS) != 0)
    base::throw_errno("join the mounts of", "a container");
  change_root(root, "a container");
}

void enter_stopped_root(const StoppedRoot& request) {
  if (::unshare(CLONE_NEWNS) != 0) base::throw_errno("unshare");
  base::sys::mount("", "/", nullptr, MS_REC | MS_PRIVATE);
  const std::string data = request.paths.container_data(request.container.name);
  const std::string where = request.paths.container_run(request.container.name) + "/rootfs";
  std::vector<std::string> lower;
  for (const std::string& layer : request.rootfs.lower) lower.push_back(escaped_path(layer));
  base::sys::mount(
      "overlay", where, "overlay", 0,
      base::cat("lowerdir=", base::join(lower, ":"), ",upperdir=", escaped_path(data + "/upper"),
                ",workdir=", escaped_path(data + "/work")));
  const base::Fd root = base::sys::open(where, O_PATH | O_DIRECTORY);
  for (const image::HostBind& bind : request.rootfs.binds) {
    if (base::exists(bind.source)) bind_inside(root, {bind.source, bind.target, true});
  }
  for (const auto& [mount, file] : mounts_of(request.container, request.paths)) {
    std::string source = mount.source;
    // Empty while it does not run.
    if (mount.type == spec::MountType::Tmpfs || mount.device == spec::kTmpfsDevice) continue;
    if (mount.type == spec::MountType::Volume) {
      source = volume_content(mount, request.paths.roots);
      if (!mount.subpath.empty()) {
        throw base::Error(base::cat("the volume at ", mount.target, " has a subpath"),
                          "start the container, then copy");
      }
    }
    if (base::exists(source)) bind_inside(root, {source, mount.target, mount.read_only});
  }
  change_root(root, request.container.name);
}

}  // namespace executor
