#include "netfab/sysctl.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/text.hpp"

namespace netfab {

namespace {

std::string path_of(const std::string& name) {
  return "/proc/sys/" + name;
}

std::string read_from(int fd) {
  std::array<char, 128> bytes{};
  const ssize_t got = ::pread(fd, bytes.data(), bytes.size(), 0);
  std::string text(base::trim({bytes.data(), got > 0 ? static_cast<std::size_t>(got) : 0}));
  std::replace(text.begin(), text.end(), '\t', ' ');
  return text;
}

}  // namespace

void set_sysctl(const std::string& name, const std::string& value) {
  const std::string path = path_of(name);
  base::Fd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd) {
    // A read-only /proc/sys (a container as host) is fine as long as the value is right already.
    const int error = errno;
    if (sysctl(name) == value) return;
    throw base::SysError(error, "write", path);
  }
  if (read_from(fd.get()) == value) return;
  if (::pwrite(fd.get(), value.data(), value.size(), 0) < 0) base::throw_errno("write", path);
}

std::string sysctl(const std::string& name) {
  const base::Fd fd(::open(path_of(name).c_str(), O_RDONLY | O_CLOEXEC));
  return fd ? read_from(fd.get()) : std::string();
}

bool has_ipv6() {
  return ::access("/proc/sys/net/ipv6/conf", F_OK) == 0;
}

}  // namespace netfab
