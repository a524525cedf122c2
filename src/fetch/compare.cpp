#include "fetch/compare.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/sys.hpp"
#include "base/text.hpp"

namespace fetch {

namespace {

std::string link_at(int folder, const std::string& name) {
  std::array<char, PATH_MAX> buffer{};
  const ssize_t size = ::readlinkat(folder, name.c_str(), buffer.data(), buffer.size());
  return size < 0 ? std::string() : std::string(buffer.data(), static_cast<std::size_t>(size));
}

// Name and value of each, in order.
std::vector<std::string> xattrs_of(int fd) {
  std::string names(64U << 10U, '\0');
  const ssize_t size = ::flistxattr(fd, names.data(), names.size());
  std::vector<std::string> out;
  if (size <= 0) return out;
  names.resize(static_cast<std::size_t>(size));
  for (const std::string& name : base::split(names, '\0')) {
    if (name.empty()) continue;
    std::string value(64U << 10U, '\0');
    const ssize_t length = ::fgetxattr(fd, name.c_str(), value.data(), value.size());
    value.resize(length < 0 ? 0 : static_cast<std::size_t>(length));
    out.push_back(base::cat(name, "=", value));
  }
  std::sort(out.begin(), out.end());
  return out;
}

bool same_content(int one, int other) {
  std::string a(256U << 10U, '\0'), b(a.size(), '\0');
  for (off_t at = 0;;) {
    const ssize_t got = ::pread(one, a.data(), a.size(), at),
                  again = ::pread(other, b.data(), b.size(), at);
    if (got != again || got < 0) return false;
    if (got == 0) return true;
    if (a.compare(0, static_cast<std::size_t>(got), b, 0, static_cast<std::size_t>(got)) != 0)
      return false;
    at += got;
  }
}

std::vector<std::string> names_in(int folder) {
  // The names through our own descriptor's entry: no path of the layer is walked again.
  return base::list_dir(base::cat("/proc/self/fd/", folder));
}

std::string compare_folders(int one, int other, const std::string& path);

std::string compare_entry(int one, int other, const std::string& name, const std::string& path) {
  struct stat a {};
  struct stat b {};
  if (::fstatat(one, name.c_str(), &a, AT_SYMLINK_NOFOLLOW) != 0 ||
      ::fstatat(other, name.c_str(), &b, AT_SYMLINK_NOFOLLOW) != 0) {
    return path + ": missing";
  }
  if (a.st_mode != b.st_mode) return path + ": mode";
  if (a.st_uid != b.st_uid || a.st_gid != b.st_gid) return path + ": owner";
  if (!S_ISCHR(a.st_mode) &&
      (a.st_mtim.tv_sec != b.st_mtim.tv_sec || a.st_mtim.tv_nsec != b.st_mtim.tv_nsec)) {
    // A folder without an entry of its own has the time of unpacking.
    if (!S_ISDIR(a.st_mode)) return path + ": time";
  }
  if (!S_ISDIR(a.st_mode) && a.st_nlink != b.st_nlink) return path + ": number of links";
  if (S_ISLNK(a.st_mode))
    return link_at(one, name) == link_at(other, name) ? "" : path + ": target";
  if (!S_ISREG(a.st_mode) && !S_ISDIR(a.st_mode))
    return a.st_rdev == b.st_rdev ? "" : path + ": device";
  const int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | (S_ISDIR(a.st_mode) ? O_DIRECTORY : 0);
  const base::Fd first(::openat(one, name.c_str(), flags)),
      second(::openat(other, name.c_str(), flags));
  if (!first || !second) return path + ": cannot be opened";
  if (xattrs_of(first.get()) != xattrs_of(second.get())) return path + ": attributes";
  if (S_ISDIR(a.st_mode)) return compare_folders(first.get(), second.get(), path);
  if (a.st_size != b.st_size) return path + ": size";
  return same_content(first.get(), second.get()) ? "" : path + ": content";
}

std::string compare_folders(int one, int other, const std::string& path) {
  const auto names = names_in(one);
  if (names != names_in(other)) return (path.empty() ? "/" : path) + ": other names in it";
  for (const std::string& name : names) {
    std::string found =
        compare_entry(one, other, name, path.empty() ? name : base::cat(path, "/", name));
    if (!found.empty()) return found;
  }
  return {};
}

}  // namespace

std::string compare_trees(const std::string& one, const std::string& other) {
  const base::Fd first = base::sys::open(one, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  const base::Fd second = base::sys::open(other, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  return compare_folders(first.get(), second.get(), "");
}

}  // namespace fetch
