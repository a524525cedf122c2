// Processes as the kernel names them: pid + start time + boot id, and pidfds.
// Knows how to open, signal and describe a process; never starts one.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/fd.hpp"

namespace base {

using PidFd = Fd;

// Identifies one process for ever: a pid alone is reused.
struct ProcessId {
  pid_t pid = 0;
  std::uint64_t start_time = 0;  // clock ticks since boot, field 22 of /proc/PID/stat

  bool operator==(const ProcessId&) const = default;
  [[nodiscard]] bool valid() const { return pid > 0; }
};

// /proc/sys/kernel/random/boot_id, read once.
const std::string& boot_id();

struct ProcessStat {
  char state = '?';  // R S D Z T ...
  pid_t parent = 0;
  std::uint64_t start_time = 0;
  // Killed or leaving: it holds its locks and sockets for a moment more and does nothing with them.
  bool ending = false;
};
// Nothing when there is no such process.
std::optional<ProcessStat> process_stat(pid_t pid);
std::optional<ProcessId> identify(pid_t pid);
// Lives and is the same process; a zombie counts as dead.
bool is_alive(const ProcessId& id);

// pidfd_open(2); invalid when there is no such process.
PidFd open_pidfd(pid_t pid);
// As above, but only when the process is still the one identified.
PidFd open_pidfd(const ProcessId& id);
// pidfd_send_signal(2); false when the process has gone.
bool send_signal(const PidFd& process, int signal);
// "SIGQUIT", "quit", "3", "RTMIN+3" → number (man 7 signal); nothing when there is no such signal.
std::optional<int> parse_signal(std::string text);
// The other way round: "SIGTERM"; "signal 40" where it has no name.
std::string signal_name(int signal);

}  // namespace base
