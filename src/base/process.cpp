#include "base/process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"

namespace base {

const std::string& boot_id() {
  static const std::string id(trim(read_file("/proc/sys/kernel/random/boot_id")));
  return id;
}

std::optional<ProcessStat> process_stat(pid_t pid) {
  const std::string path = cat("/proc/", pid, "/stat");
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd && errno == ENOENT) return {};
  if (!fd && errno != ESRCH) throw_errno("open", path);
  std::array<char, 2048> bytes;  // one line, that the kernel gives at once
  const ssize_t n = fd ? ::read(fd.get(), bytes.data(), bytes.size()) : 0;
  if (n < 0 && errno != ESRCH) throw_errno("read", path);
  if (n <= 0) return {};
  const std::string_view text(bytes.data(), static_cast<std::size_t>(n));
  // The command may hold blanks and parentheses: fields are counted from the last ')'.
  const std::size_t close = text.rfind(')');
  if (close == std::string_view::npos || close + 2 >= text.size()) return {};
  std::array<std::string_view, 29> fields;
  std::string_view rest = text.substr(close + 2);
  for (std::string_view& field : fields) {
    if (rest.empty()) return {};
    const std::size_t blank = std::min(rest.find(' '), rest.size());
    field = rest.substr(0, blank);
    rest.remove_prefix(std::min(blank + 1, rest.size()));
  }
  ProcessStat out;
  out.state = fields[0].empty() ? '?' : fields[0][0];
  out.parent = static_cast<pid_t>(parse_int(fields[1]).value_or(0));
  out.start_time = parse_uint(fields[19]).value_or(0);
  constexpr std::uint64_t kExiting = 0x4;  // PF_EXITING, include/linux/sched.h
  constexpr std::uint64_t kKilled = 1U << (SIGKILL - 1);
  out.ending = out.state == 'Z' || out.state == 'X' ||
               (parse_uint(fields[6]).value_or(0) & kExiting) != 0 ||
               (parse_uint(fields[28]).value_or(0) & kKilled) != 0;
  return out;
}

std::optional<ProcessId> identify(pid_t pid) {
  const auto stat = process_stat(pid);
  if (!stat) return {};
  return ProcessId{pid, stat->start_time};
}

bool is_alive(const ProcessId& id) {
  if (!id.valid()) return false;
  const auto stat = process_stat(id.pid);
  return stat && stat->start_time == id.start_time && stat->state != 'Z' && stat->state != 'X';
}

PidFd open_pidfd(pid_t pid) {
  const auto fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0 && errno != ESRCH && errno != EINVAL) throw_errno("pidfd_open", std::to_string(pid));
  return PidFd(fd);
}

PidFd open_pidfd(const ProcessId& id) {
  PidFd fd = open_pidfd(id.pid);
  // Open first, compare afterwards: the descriptor now pins the process that we look at.
  const auto now = identify(id.pid);
  if (!now || *now != id) return {};
  return fd;
}

bool send_signal(const PidFd& process, int signal) {
  if (!process) return false;
  if (::syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0) == 0) return true;
  if (errno == ESRCH) return false;
  throw_errno("pidfd_send_signal");
}

std::optional<int> parse_signal(std::string text) {
  if (const auto number = parse_int(text)) {
    if (*number < 1 || *number > SIGRTMAX) return {};
    return static_cast<int>(*number);
  }
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  if (starts_with(text, "SIG")) text.erase(0, 3);
  if (text == "IOT") return SIGABRT;
  if (text == "CLD") return SIGCHLD;
  if (text == "POLL") return SIGIO;
  for (int number = 1; number < 32; ++number) {
    const char* known = sigabbrev_np(number);
    if (known != nullptr && text == known) return number;
  }
  for (const bool from_start : {true, false}) {
    const std::string word = from_start ? "RTMIN" : "RTMAX";
    if (!starts_with(text, word)) continue;
    const std::string rest = text.substr(word.size());
    const int base_number = from_start ? SIGRTMIN : SIGRTMAX;
    if (rest.empty()) return base_number;
    const auto offset = parse_uint(rest.substr(1));
    if (rest[0] != (from_start ? '+' : '-') || !offset || *offset > 30) continue;
    const int number = base_number + (from_start ? 1 : -1) * static_cast<int>(*offset);
    if (number >= SIGRTMIN && number <= SIGRTMAX) return number;
  }
  return {};
}

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name != nullptr ? cat("SIG", name) : cat("signal ", signal);
}

}  // namespace base
