#include "fetch/inherit.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/sys.hpp"
#include "base/text.hpp"

namespace fetch {

namespace {

// Trees of somebody else's making: never through a link.
base::Fd open_folder_in(int tree, const std::string& path) {
  open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS;
  while (true) {
    base::Fd out(static_cast<int>(::syscall(SYS_openat2, tree, path.c_str(), &how, sizeof(how))));
    if (out || errno != EAGAIN) return out;
  }
}

void copy_xattrs(int from, int to, const std::string& path) {
  std::string names(64U << 10U, '\0');
  const ssize_t size = ::flistxattr(from, names.data(), names.size());
  if (size <= 0) return;
  names.resize(static_cast<std::size_t>(size));
  for (const std::string& name : base::split(names, '\0')) {
    if (!base::starts_with(name, "user.") && !base::starts_with(name, "system.posix_acl_"))
      continue;
    std::string value(64U << 10U, '\0');
    const ssize_t length = ::fgetxattr(from, name.c_str(), value.data(), value.size());
    if (length < 0) continue;
    if (::fsetxattr(to, name.c_str(), value.data(), static_cast<std::size_t>(length), 0) != 0) {
      base::throw_errno("set attributes of", path);
    }
  }
}

void copy_attributes(int from, int to, const std::string& path) {
  struct stat info {};
  if (::fstat(from, &info) != 0) base::throw_errno("stat", path);
  if (::fchown(to, info.st_uid, info.st_gid) != 0) base::throw_errno("chown", path);
  copy_xattrs(from, to, path);
  if (::fchmod(to, info.st_mode & 07777U) != 0) base::throw_errno("chmod", path);
  const std::array<timespec, 2> times = {info.st_mtim, info.st_mtim};
  if (::futimens(to, times.data()) != 0) base::throw_errno("set times of", path);
}

}  // namespace

void inherit_folders(const std::string& tree, const std::vector<std::string>& implied,
                     const std::vector<std::string>& lower) {
  if (implied.empty() || lower.empty()) return;
  const base::Fd own = base::sys::open(tree, O_PATH | O_DIRECTORY | O_NOFOLLOW);
  std::vector<base::Fd> below;
  for (const std::string& path : lower) {
    below.push_back(base::sys::open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW));
  }
  for (const std::string& path : implied) {
    const base::Fd to = open_folder_in(own.get(), path);
    if (!to) continue;  // replaced by a later entry
    for (const base::Fd& each : below) {
      if (const base::Fd from = open_folder_in(each.get(), path)) {
        copy_attributes(from.get(), to.get(), path);
        break;
      }
      if (errno != ENOENT) break;  // a file, a link or a whiteout: nothing below it counts
    }
  }
}

}  // namespace fetch
