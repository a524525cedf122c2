#include "cli/wait_healthy.hpp"

#include <poll.h>

#include "base/sys.hpp"
#include "cli/ending.hpp"
#include "cli/errors.hpp"
#include "executor/observe.hpp"
#include "supervisor/log_reader.hpp"

namespace cli {

using planner::ContainerStatus;
using planner::Health;

Judged judge_ready(const planner::Container& wanted, const planner::ActualContainer* actual,
                   std::chrono::system_clock::time_point now) {
  if (actual == nullptr) return {Readiness::Failed, "Error", "is not there"};
  switch (actual->status) {
    case ContainerStatus::Created:
      if (!actual->error.empty()) return {Readiness::Failed, "Error", actual->error};
      return {Readiness::Pending, "Waiting", {}};
    case ContainerStatus::Restarting:
      return {Readiness::Pending, "Waiting", {}};
    case ContainerStatus::Exited: {
      if (will_restart(wanted.restart, *actual)) return {Readiness::Pending, "Waiting", {}};
      if (actual->exit.known && actual->exit.code == 0) return {Readiness::Ready, "Exited", {}};
      std::string text =
          actual->exit.known ? base::cat("exited (", actual->exit.code, ")") : "has ended";
      if (actual->exit.oom_killed) text += ", out of memory";
      if (!actual->error.empty()) text += base::cat(": ", actual->error);
      return {Readiness::Failed, "Error", text};
    }
    case ContainerStatus::Paused:
      return {Readiness::Failed, "Error", "is paused"};
    case ContainerStatus::Running:
      break;
  }
  if (!wanted.healthcheck || wanted.healthcheck->disabled) {
    // A clock that was set back must not make us wait for long.
    const auto ran = now - actual->started_at;
    if (ran >= ran.zero() && ran < kSettle) return {Readiness::Pending, {}, {}};
    return {Readiness::Ready, "Started", {}};
  }
  switch (actual->health) {
    case Health::Healthy:
      return {Readiness::Ready, "Healthy", {}};
    case Health::Unhealthy:
      return {Readiness::Failed, "Error",
              actual->health_output.empty()
                  ? base::cat("is unhealthy (", actual->health_failures, " failed checks)")
                  : base::cat("is unhealthy: ", base::trim(actual->health_output))};
    case Health::None:
    case Health::Starting:
      break;
  }
  return {Readiness::Pending, "Waiting", {}};
}

std::string describe_unready(const std::vector<WaitFailure>& failures, bool colour) {
  std::string out;
  for (const WaitFailure& each : failures) out += render_error(each.text, each.hint, colour);
  return out;
}

std::vector<WaitFailure> wait_healthy(const WaitRequest& request) {
  constexpr int kPollMs = 50;
  constexpr std::size_t kLogLines = 10;
  const base::Duration began = base::sys::monotonic_now();
  std::vector<WaitFailure> failures;
  const auto fail = [&](const std::string& name, const std::string& text) {
    request.progress.set("Container " + name, "Error", Mark::Failed);
    const std::string log =
        supervisor::LogReader::last_lines(request.paths.log_dir(name), kLogLines);
    failures.push_back({base::cat("Container ", name, ": ", text),
                        log.empty() ? "" : "the last lines of its log:\n" + log});
  };
  while (request.signals.count() == 0) {
    const auto actual = executor::observe(request.paths);
    const auto now = std::chrono::system_clock::now();
    std::vector<std::string> pending;
    for (const std::string& name : request.containers) {
      const planner::Container* wanted = request.desired.container(name);
      if (wanted == nullptr) continue;
      const Judged judged = judge_ready(*wanted, actual.container(name), now);
      switch (judged.readiness) {
        case Readiness::Ready:
          request.progress.set("Container " + name, judged.status, Mark::Done);
          break;
        case Readiness::Pending:
          if (!judged.status.empty()) {
            request.progress.set("Container " + name, judged.status, Mark::Working);
          }
          pending.push_back(name);
          break;
        case Readiness::Failed:
          fail(name, judged.text);
          break;
      }
    }
    if (pending.empty() || !failures.empty()) return failures;
    if (request.timeout &&
        base::sys::monotonic_now() - began >= std::chrono::seconds(*request.timeout)) {
      for (const std::string& name : pending) {
        fail(name, base::cat("not healthy after ", *request.timeout, " s"));
      }
      return failures;
    }
    pollfd signal{request.signals.fd(), POLLIN, 0};
    ::poll(&signal, 1, kPollMs);
  }
  return failures;
}

}  // namespace cli
