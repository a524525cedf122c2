#include "base/crash_point.hpp"

#ifdef STACK_CRASH_POINTS

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "base/fd.hpp"

namespace base {

namespace {

const std::string& crash_dir() {
  static const std::string dir = [] {
    const char* value = std::getenv("STACK_CRASH_DIR");
    return std::string(value == nullptr ? "" : value);
  }();
  return dir;
}

// True when `at` named this point and its count has come; the file is `fired` then.
bool is_aimed_at(const std::string& name, bool& stop) {
  const std::string at = cat(crash_dir(), "/at");
  const Fd fd(::open(at.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd || ::flock(fd.get(), LOCK_EX) != 0) return false;
  std::array<char, 512> text{};
  const ssize_t n = ::pread(fd.get(), text.data(), text.size(), 0);
  const auto words =
      split(std::string_view(text.data(), n > 0 ? static_cast<std::size_t>(n) : 0), ' ');
  if (words.size() != 3 || words[0] != name) return false;  // or fired while we waited for the lock
  const auto count = parse_uint(words[1]).value_or(1);
  stop = words[2] == "stop";
  const std::string left =
      count > 1 ? cat(name, " ", count - 1, " ", words[2]) : std::to_string(::getpid());
  if (::ftruncate(fd.get(), 0) != 0 ||
      ::pwrite(fd.get(), left.data(), left.size(), 0) != static_cast<ssize_t>(left.size())) {
    return false;
  }
  return count <= 1 && ::rename(at.c_str(), cat(crash_dir(), "/fired").c_str()) == 0;
}

}  // namespace

bool crash_points_on() noexcept {
  return !crash_dir().empty();
}

void crash_point(std::string_view point) noexcept {
  const int saved = errno;
  const std::string name = cat(program_invocation_short_name, ":", point);
  if (const Fd trace(::open(cat(crash_dir(), "/trace").c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
      trace) {
    const std::string line = name + "\n";
    if (::write(trace.get(), line.data(), line.size()) < 0) ::_exit(99);  // no trace is better seen
  }
  bool stop = false;
  if (is_aimed_at(name, stop)) ::kill(::getpid(), stop ? SIGSTOP : SIGKILL);
  errno = saved;
}

}  // namespace base

#endif
