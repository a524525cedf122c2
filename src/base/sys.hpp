// The kernel's calls made safe: everything close-on-exec, EINTR retried where it must be, failure
// as SysError naming the object. One thin function a call; no policy.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fd.hpp"
#include "base/text.hpp"

namespace base::sys {

Fd open(const std::string& path, int flags, mode_t mode = 0);
Fd open_at(int dir, const std::string& path, int flags, mode_t mode = 0);
std::pair<Fd, Fd> pipe(int flags = 0);    // O_CLOEXEC always set
std::pair<Fd, Fd> socket_pair(int type);  // AF_UNIX, SOCK_CLOEXEC always set
Fd epoll_create();
Fd dup(int fd);  // close-on-exec copy
void write_all(int fd, std::string_view bytes, std::string_view object);
// Reads until end of file, refusing more than `limit` bytes (EFBIG).
std::string read_all(int fd, std::string_view object, std::size_t limit = 64U << 20U);

void make_dir(const std::string& path, mode_t mode);   // exists already: fine
void make_dirs(const std::string& path, mode_t mode);  // with parents
void mount(const std::string& source, const std::string& target, const char* type,
           unsigned long flags, const std::string& data = {});
void unmount(const std::string& target, int flags);  // not mounted or absent: fine

// clock_gettime as nanoseconds.
Duration monotonic_now();

// Sends/receives one datagram with descriptors over a unix socket.
// receive: empty text and no descriptors at end of stream; EAGAIN gives nullopt-like `got=false`.
// Lets this process open as many files as its hard limit allows (man 2 getrlimit). Never throws:
// with fewer, the open() that fails says so.
void raise_open_files();
// In a child that was forked and is not re-executed: all but the standard three and this one.
void close_all_but(int fd);

struct Received {
  bool got = false;
  bool eof = false;
  std::string text;
  std::vector<Fd> fds;
};
void send_with_fds(int socket, std::string_view text, std::span<const int> fds);
Received receive_with_fds(int socket, std::size_t limit = 65536);

}  // namespace base::sys
