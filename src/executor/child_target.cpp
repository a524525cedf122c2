// Targets of mounts inside a root whose content nobody trusts: resolved component by component,
// links followed as the container itself would see them, what is missing made.
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "executor/child_parts.hpp"
#include "executor/kernel_calls.hpp"

namespace executor::child {

namespace {

constexpr std::size_t kRoom = 2 * PATH_MAX;
constexpr int kMaxLinks = 40;

int open_in_root(const char* path, std::uint64_t flags) {
  kernel::OpenHow how;
  how.flags = flags | O_CLOEXEC;
  how.resolve = kernel::kResolveInRoot | kernel::kResolveNoMagicLinks;
  // The working directory is the root while steps run: no descriptor of it is needed.
  return kernel::openat2(AT_FDCWD, path, how);
}

// The walk for paths that do not exist yet. `done` holds what is resolved, free of links.
struct Walk {
  char done[kRoom] = "/";
  char rest[kRoom] = "";
  int links = 0;

  void pop() {
    char* slash = ::strrchr(done, '/');
    if (slash == nullptr || slash == done) {
      done[1] = 0;
    } else {
      *slash = 0;
    }
  }
  bool push(const char* name, std::size_t length) {
    const std::size_t used = ::strlen(done);
    if (used + length + 2 > kRoom) return false;
    char* at = done + used;
    if (used > 1) *at++ = '/';
    std::memcpy(at, name, length);
    at[length] = 0;
    return true;
  }
  // Puts a link's target in front of what is left.
  bool prepend(const char* target, std::size_t length) {
    const std::size_t left = ::strlen(rest);
    if (length + left + 2 > kRoom) return false;
    std::memmove(rest + length + 1, rest, left + 1);
    std::memcpy(rest, target, length);
    rest[length] = '/';
    if (target[0] == '/') done[1] = 0;
    return true;
  }
};

}  // namespace

int open_target(const char* path, Kind kind) {
  const int found = open_in_root(path, O_PATH);
  if (found >= 0 || errno != ENOENT) return found;

  Walk walk;
  if (::strlen(path) + 1 > kRoom) {
    errno = ENAMETOOLONG;
    return -1;
  }
  std::memcpy(walk.rest, path, ::strlen(path) + 1);
  while (true) {
    std::size_t start = 0;
    while (walk.rest[start] == '/') ++start;
    std::size_t end = start;
    while (walk.rest[end] != 0 && walk.rest[end] != '/') ++end;
    const std::size_t length = end - start;
    if (length == 0) break;
    char name[NAME_MAX + 1];
    if (length > NAME_MAX) {
      errno = ENAMETOOLONG;
      return -1;
    }
    std::memcpy(name, walk.rest + start, length);
    name[length] = 0;
    std::memmove(walk.rest, walk.rest + end, ::strlen(walk.rest + end) + 1);
    if (::strcmp(name, ".") == 0) continue;
    if (::strcmp(name, "..") == 0) {
      walk.pop();
      continue;
    }
    const int parent = open_in_root(walk.done, O_PATH | O_DIRECTORY);
    if (parent < 0) return -1;
    std::size_t next = 0;
    while (walk.rest[next] == '/') ++next;
    const bool last = walk.rest[next] == 0;
    struct stat info {};
    int result = ::fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW);
    if (result != 0 && errno == ENOENT) {
      if (last && kind == Kind::File) {
        const int fd =
            ::openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        result = fd < 0 ? -1 : ::close(fd);
      } else {
        result = ::mkdirat(parent, name, 0755);
      }
      if (result != 0 && errno == EEXIST) result = 0;
      info.st_mode = 0;
    }
    char target[PATH_MAX];
    ssize_t size = 0;
    if (result == 0 && S_ISLNK(info.st_mode)) {
      size = ::readlinkat(parent, name, target, sizeof(target));
      if (size < 0) result = -1;
    }
    const int saved = errno;
    ::close(parent);
    if (result != 0) {
      errno = saved;
      return -1;
    }
    if (size > 0) {
      if (++walk.links > kMaxLinks) {
        errno = ELOOP;
        return -1;
      }
      if (!walk.prepend(target, static_cast<std::size_t>(size))) {
        errno = ENAMETOOLONG;
        return -1;
      }
    } else if (!walk.push(name, length)) {
      errno = ENAMETOOLONG;
      return -1;
    }
  }
  return open_in_root(walk.done, O_PATH);
}

bool make_folders(const char* path) {
  char copy[PATH_MAX];
  const std::size_t length = ::strlen(path);
  if (length + 1 > sizeof(copy)) {
    errno = ENAMETOOLONG;
    return false;
  }
  std::memcpy(copy, path, length + 1);
  for (std::size_t i = 1; i <= length; ++i) {
    if (copy[i] != '/' && copy[i] != 0) continue;
    const char kept = copy[i];
    copy[i] = 0;
    if (::mkdir(copy, 0755) != 0 && errno != EEXIST) return false;
    copy[i] = kept;
  }
  return true;
}

}  // namespace executor::child
