#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "base/error.hpp"
#include "base/files.hpp"
#include "cli/commands.hpp"
#include "cli/errors.hpp"
#include "cli/table.hpp"
#include "cli/terminal.hpp"
#include "executor/cgroup.hpp"

namespace cli {

namespace {

std::string clock_text(std::uint64_t seconds) {
  std::array<char, 64> out{};
  std::snprintf(out.data(), out.size(), "%02llu:%02llu:%02llu",
                static_cast<unsigned long long>(seconds / 3600),
                static_cast<unsigned long long>(seconds / 60 % 60),
                static_cast<unsigned long long>(seconds % 60));
  return out.data();
}

// As people read it; of one that has none (a zombie) the name in brackets. Control characters are a
// container's to choose, and must not reach a terminal.
std::string command_of(const std::string& proc, const std::string& name) {
  std::string text = base::try_read_file(proc + "/cmdline").value_or("");
  while (!text.empty() && text.back() == '\0') text.pop_back();
  std::replace(text.begin(), text.end(), '\0', ' ');
  if (text.empty()) text = base::cat("[", name, "]");
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return text;
}

std::string user_of(const std::string& status) {
  constexpr std::string_view kLabel = "\nUid:\t";
  const auto at = status.find(kLabel);
  if (at == std::string::npos) return "?";
  const auto from = at + kLabel.size();
  return status.substr(from, status.find('\t', from) - from);
}

std::string start_text(double age) {
  using Clock = std::chrono::system_clock;
  const std::time_t began = Clock::to_time_t(Clock::now()) - static_cast<std::time_t>(age);
  std::tm local{};
  ::localtime_r(&began, &local);
  std::array<char, 16> out{};
  std::strftime(out.data(), out.size(), age < 86'400 ? "%H:%M" : "%b%d", &local);
  return out.data();
}

// A row as `ps -ef` has it (man 5 proc_pid_stat); empty when the process has gone.
std::vector<std::string> row_of(pid_t pid, double uptime) {
  const std::string proc = base::cat("/proc/", pid);
  const auto stat = base::try_read_file(proc + "/stat");
  const auto status = base::try_read_file(proc + "/status");
  if (!stat || !status) return {};
  const auto open = stat->find('(');
  const auto close = stat->rfind(')');
  if (open == std::string::npos || close == std::string::npos || close + 2 >= stat->size()) {
    return {};
  }
  // From the state on: field 3 of the manual page is number 0 here.
  const std::vector<std::string> fields = base::split(stat->substr(close + 2), ' ');
  if (fields.size() < 20) return {};
  const auto number = [&](std::size_t at) { return base::parse_uint(fields[at]).value_or(0); };
  const auto ticks = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  const std::uint64_t used = (number(11) + number(12)) / ticks;
  const double age = uptime - static_cast<double>(number(19)) / static_cast<double>(ticks);
  const int percent = age <= 0 ? 0 : static_cast<int>(100.0 * static_cast<double>(used) / age);
  return {user_of(*status), std::to_string(pid),
          fields[1],        std::to_string(percent),
          start_text(age),  number(4) == 0 ? "?" : base::cat("pts/", number(4) & 0xffU),
          clock_text(used), command_of(proc, stat->substr(open + 1, close - open - 1))};
}

}  // namespace

int top(const Context& context, const Arguments& args) {
  const Recorded recorded = look_up(context);
  check_services(args.names, service_names(recorded), recorded.paths.project);
  const double uptime = std::strtod(base::read_file("/proc/uptime").c_str(), nullptr);
  std::string out;
  for (const auto& container : recorded.actual.containers) {
    if (!is_selected(args.names, container.service)) continue;
    std::vector<int> pids = executor::cgroup_pids(recorded.paths.container_cgroup(container.name));
    if (pids.empty()) continue;
    std::sort(pids.begin(), pids.end());
    Table table({"UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"});
    for (const pid_t pid : pids) {
      std::vector<std::string> row = row_of(pid, uptime);
      if (!row.empty()) table.add(std::move(row));
    }
    out += base::cat(container.name, "\n", table.str(), "\n");
  }
  write_text(STDOUT_FILENO, out);
  return kDone;
}

}  // namespace cli
