#include <poll.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.hpp"
#include "cli/commands.hpp"
#include "cli/errors.hpp"
#include "cli/terminal.hpp"
#include "executor/observe.hpp"

namespace cli {

namespace {

// Its end is written down, not only seen.
bool is_over(const planner::ActualContainer& container) {
  return container.status == planner::ContainerStatus::Exited &&
         container.exit.finished_at != std::chrono::system_clock::time_point{};
}

}  // namespace

int wait(const Context& context, const Arguments& args) {
  constexpr int kPollMs = 50;
  const Recorded recorded = look_up(context);
  check_services(args.names, service_names(recorded), recorded.paths.project);
  std::vector<std::string> pending;
  for (const auto& container : recorded.actual.containers) {
    if (container.step == 0 && is_selected(args.names, container.service))
      pending.push_back(container.name);
  }
  int status = kDone;
  while (!pending.empty()) {
    const planner::ActualState actual = executor::observe(recorded.paths);
    std::erase_if(pending, [&](const std::string& name) {
      const planner::ActualContainer* now = actual.container(name);
      if (now != nullptr && !is_over(*now)) return false;
      // Removed meanwhile: as docker has it, that is an end without a failure.
      status = now == nullptr ? 0 : now->exit.code;
      write_text(STDOUT_FILENO,
                 base::cat("container \"", name, "\" exited with status code ", status, "\n"));
      return true;
    });
    if (!pending.empty()) ::poll(nullptr, 0, kPollMs);
  }
  if (args.down.after_wait) {
    Arguments all = args;
    all.names.clear();
    if (const int down_status = down(context, all); down_status != kDone) return down_status;
  }
  return status;
}

}  // namespace cli
