#include "planner/restart.hpp"

#include <algorithm>

namespace planner {

std::optional<base::Duration> restart_delay(const spec::RestartPolicy& policy,
                                            const EndFacts& facts) {
  if (facts.stopped_by_user) return {};
  switch (policy.mode) {
    case spec::RestartMode::No:
      return {};
    case spec::RestartMode::OnFailure:
      // An end that nobody saw counts as a failure: better one start too many than a dead service.
      if (facts.exit.known && facts.exit.code == 0) return {};
      if (policy.max_retries != 0 && facts.restarts >= policy.max_retries) return {};
      break;
    case spec::RestartMode::Always:
    case spec::RestartMode::UnlessStopped:
      break;
  }
  const unsigned doublings =
      facts.ran >= std::chrono::seconds(10) ? 0 : std::min(facts.restarts, 10U);
  const base::Duration delay = std::chrono::milliseconds(100) * (std::int64_t{1} << doublings);
  return std::min<base::Duration>(delay, std::chrono::minutes(1));
}

bool stays_ended(const spec::RestartPolicy& policy, const ActualContainer& found) {
  // Made and never started, because that was asked for.
  if (found.status == ContainerStatus::Created) return found.stopped_by_user;
  return found.status == ContainerStatus::Exited &&
         !restart_delay(policy, {found.exit, {}, found.restarts, found.stopped_by_user});
}

}  // namespace planner
