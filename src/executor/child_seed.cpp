// An empty named volume takes the content of the image's folder that it is about to cover, with
// owners and modes, as docker does. Runs in the child: fixed buffers, descriptors only, bounded
// depth. A mark lies in the volume while it is being filled: a start that was killed in between is
// made good by the next one.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>

#include "executor/child_parts.hpp"
#include "executor/kernel_calls.hpp"

namespace executor::child {

namespace {

constexpr int kMaxDepth = 100;
constexpr const char* kMark = ".stack-seeding";

struct Entry {
  std::uint64_t inode;
  std::int64_t offset;
  unsigned short length;
  unsigned char type;
  char name[1];
};

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    const int saved = errno;
    if (fd_ >= 0) ::close(fd_);
    errno = saved;
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

bool is_dots(const char* name) {
  return ::strcmp(name, ".") == 0 || ::strcmp(name, "..") == 0;
}

// Calls `visit(name)` for each entry; stops when it returns false.
template <class Visit>
bool each_entry(int dir, Visit visit) {
  alignas(8) char buffer[4096];
  while (true) {
    const long got = ::syscall(SYS_getdents64, dir, buffer, sizeof(buffer));
    if (got <= 0) return got == 0;
    for (long at = 0; at < got;) {
      const auto* entry = reinterpret_cast<const Entry*>(buffer + at);
      at += entry->length;
      const char* name = buffer + (reinterpret_cast<const char*>(entry->name) - buffer);
      if (!is_dots(name) && !visit(name)) return false;
    }
  }
}

bool copy_content(int from, int to) {
  char buffer[16384];
  while (true) {
    const ssize_t fast = ::copy_file_range(from, nullptr, to, nullptr, 1U << 30U, 0);
    if (fast == 0) return true;
    if (fast < 0) break;
  }
  while (true) {
    const ssize_t got = ::read(from, buffer, sizeof(buffer));
    if (got <= 0) return got == 0;
    for (ssize_t done = 0; done < got;) {
      const ssize_t put = ::write(to, buffer + done, static_cast<std::size_t>(got - done));
      if (put < 0) return false;
      done += put;
    }
  }
}

bool copy_folder(int from, int to, int depth);

bool copy_entry(int from, int to, const char* name, int depth) {
  struct stat info {};
  if (::fstatat(from, name, &info, AT_SYMLINK_NOFOLLOW) != 0) return errno == ENOENT;
  const timespec times[2] = {info.st_atim, info.st_mtim};
  if (S_ISLNK(info.st_mode)) {
    char target[PATH_MAX];
    const ssize_t size = ::readlinkat(from, name, target, sizeof(target) - 1);
    if (size < 0) return false;
    target[size] = 0;
    return (::symlinkat(target, to, name) == 0 ||
            (errno == EEXIST && ::unlinkat(to, name, 0) == 0 &&
             ::symlinkat(target, to, name) == 0)) &&
           ::fchownat(to, name, info.st_uid, info.st_gid, AT_SYMLINK_NOFOLLOW) == 0;
  }
  if (S_ISDIR(info.st_mode)) {
    if (::mkdirat(to, name, 0700) != 0 && errno != EEXIST) return false;
    const Descriptor source(::openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    const Descriptor target(::openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (source.get() < 0 || target.get() < 0) return false;
    return copy_folder(source.get(), target.get(), depth + 1) &&
           ::fchown(target.get(), info.st_uid, info.st_gid) == 0 &&
           ::fchmod(target.get(), info.st_mode & 07777U) == 0 &&
           ::futimens(target.get(), times) == 0;
  }
  if (!S_ISREG(info.st_mode)) return true;  // sockets, devices: nothing that belongs into a volume
  // What an earlier start left may be a half.
  if (::unlinkat(to, name, 0) != 0 && errno != ENOENT) return false;
  const Descriptor source(::openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  const Descriptor target(
      ::openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (source.get() < 0 || target.get() < 0) return false;
  return copy_content(source.get(), target.get()) &&
         ::fchown(target.get(), info.st_uid, info.st_gid) == 0 &&
         ::fchmod(target.get(), info.st_mode & 07777U) == 0 && ::futimens(target.get(), times) == 0;
}

bool copy_folder(int from, int to, int depth) {
  if (depth > kMaxDepth) {
    errno = ELOOP;
    return false;
  }
  return each_entry(from, [&](const char* name) { return copy_entry(from, to, name, depth); });
}

}  // namespace

bool seed_volume(const ChildProgram& program, const Step& step) {
  const int tree = program.slots[static_cast<std::size_t>(step.slot)];
  struct stat info {};
  if (::fstat(tree, &info) != 0 || !S_ISDIR(info.st_mode)) return true;
  const Descriptor volume(::openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (volume.get() < 0) return false;
  bool empty = true;
  each_entry(volume.get(), [&](const char*) { return empty = false; });
  if (!empty && ::fstatat(volume.get(), kMark, &info, AT_SYMLINK_NOFOLLOW) != 0) return true;
  const Descriptor root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  kernel::OpenHow how;
  how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  how.resolve = kernel::kResolveInRoot | kernel::kResolveNoMagicLinks;
  const Descriptor image(kernel::openat2(root.get(), step.path, how));
  if (image.get() < 0) return errno == ENOENT || errno == ENOTDIR;
  if (::fstat(image.get(), &info) != 0) return false;
  if (::mknodat(volume.get(), kMark, S_IFREG | 0600, 0) != 0 && errno != EEXIST) return false;
  return copy_folder(image.get(), volume.get(), 0) &&
         ::fchown(volume.get(), info.st_uid, info.st_gid) == 0 &&
         ::fchmod(volume.get(), info.st_mode & 07777U) == 0 &&
         (::unlinkat(volume.get(), kMark, 0) == 0 || errno == ENOENT);
}

}  // namespace executor::child
