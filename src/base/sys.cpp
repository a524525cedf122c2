#include "base/sys.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/crash_point.hpp"
#include "base/error.hpp"

namespace base::sys {

Fd open(const std::string& path, int flags, mode_t mode) {
  return open_at(AT_FDCWD, path, flags, mode);
}

Fd open_at(int dir, const std::string& path, int flags, mode_t mode) {
  int fd = -1;
  do {
    fd = ::openat(dir, path.c_str(), flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) throw_errno("open", path);
  return Fd(fd);
}

std::pair<Fd, Fd> pipe(int flags) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), flags | O_CLOEXEC) != 0) throw_errno("pipe2");
  return {Fd(ends[0]), Fd(ends[1])};
}

std::pair<Fd, Fd> socket_pair(int type) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()) != 0) throw_errno("socketpair");
  return {Fd(ends[0]), Fd(ends[1])};
}

Fd epoll_create() {
  const int fd = ::epoll_create1(EPOLL_CLOEXEC);
  if (fd < 0) throw_errno("epoll_create1");
  return Fd(fd);
}

Fd dup(int fd) {
  const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) throw_errno("dup");
  return Fd(copy);
}

void write_all(int fd, std::string_view bytes, std::string_view object) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      throw_errno("write", object);
    }
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

std::string read_all(int fd, std::string_view object, std::size_t limit) {
  std::string out;
  std::size_t room = 4096;
  struct stat info {};
  // Not one of /proc, which has no size and may say more after a short read.
  const bool sized = ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0;
  if (sized) room = static_cast<std::size_t>(info.st_size) + 1;
  while (true) {
    const std::size_t used = out.size();
    out.resize(used + room);
    const ssize_t n = ::read(fd, out.data() + used, room);
    if (n < 0) {
      out.resize(used);
      if (errno == EINTR) continue;
      throw_errno("read", object);
    }
    out.resize(used + static_cast<std::size_t>(n));
    if (n == 0) return out;
    if (out.size() <= limit && sized && static_cast<std::size_t>(n) < room) return out;
    if (out.size() > limit) throw SysError(EFBIG, "read", object);
    room = out.size() < 65536 ? 4096 : 65536;
  }
}

void make_dir(const std::string& path, mode_t mode) {
  CRASH_POINT("mkdir/before");
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) throw_errno("mkdir", path);
  CRASH_POINT("mkdir/after");
}

void make_dirs(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return;
  if (errno != ENOENT) throw_errno("mkdir", path);
  const std::size_t slash = path.find_last_of('/');
  if (slash == std::string::npos || slash == 0) throw_errno("mkdir", path);
  make_dirs(path.substr(0, slash), mode);
  make_dir(path, mode);
}

void mount(const std::string& source, const std::string& target, const char* type,
           unsigned long flags, const std::string& data) {
  if (::mount(source.c_str(), target.c_str(), type, flags, data.empty() ? nullptr : data.c_str()) !=
      0) {
    throw_errno("mount", target);
  }
}

void unmount(const std::string& target, int flags) {
  if (::umount2(target.c_str(), flags) != 0 && errno != EINVAL && errno != ENOENT) {
    throw_errno("umount", target);
  }
}

Duration monotonic_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

namespace {
constexpr std::size_t kMaxFds = 64;
}

void send_with_fds(int socket, std::string_view text, std::span<const int> fds) {
  iovec piece{const_cast<char*>(text.data()), text.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMaxFds)> control{};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    if (fds.size() > kMaxFds) throw SysError(E2BIG, "sendmsg", "descriptors");
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
    std::memcpy(CMSG_DATA(header), fds.data(), sizeof(int) * fds.size());
  }
  while (::sendmsg(socket, &message, MSG_NOSIGNAL) < 0) {
    if (errno != EINTR) throw_errno("sendmsg");
  }
}

Received receive_with_fds(int socket, std::size_t limit) {
  Received out;
  out.text.resize(limit);
  iovec piece{out.text.data(), out.text.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMaxFds)> control{};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t n = 0;
  do {
    n = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (n < 0 && errno == EINTR);
  if (n < 0) {
    out.text.clear();
    if (errno == EAGAIN || errno == EWOULDBLOCK) return out;
    if (errno == ECONNRESET) {
      out.got = out.eof = true;
      return out;
    }
    throw_errno("recvmsg");
  }
  out.got = true;
  out.text.resize(static_cast<std::size_t>(n));
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
      out.fds.emplace_back(fd);
    }
  }
  out.eof = n == 0 && out.fds.empty();
  return out;
}

void close_all_but(int fd) {
  const auto kept = static_cast<unsigned>(fd);
  if (kept > 3) (void)::close_range(3, kept - 1, 0);
  (void)::close_range(kept + 1, ~0U, 0);
}

void raise_open_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace base::sys
