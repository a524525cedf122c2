#include "cli/exit_of.hpp"

#include <poll.h>

#include "executor/container_state.hpp"

namespace cli {

std::optional<planner::ExitState> exit_of(const base::ProjectPaths& paths, const std::string& name,
                                          const base::ProcessId& process, const base::PidFd& fd) {
  constexpr int kRounds = 500, kRoundMs = 10;
  for (int round = 0; round < kRounds; ++round) {
    const auto state = executor::read_state(paths, name);
    if (state && state->status == planner::ContainerStatus::Exited && state->exit.known) {
      return state->exit;
    }
    if (fd) {
      if (const auto record = executor::pidfd_exit(fd.get())) return executor::exit_state(*record);
    }
    for (const executor::ExitRecord& record : executor::read_exits(paths.exits)) {
      if (record.process == process) return executor::exit_state(record);
    }
    ::poll(nullptr, 0, kRoundMs);
  }
  return {};
}

}  // namespace cli
