#include "planner/restart.hpp"

#include <algorithm>

namespace planner {

bool ran_long_enough(const spec::RestartPolicy& policy, base::Duration ran) {
  const bool given = policy.window && policy.window->count() > 0;
  return ran >= (given ? *policy.window : base::Duration(std::chrono::seconds(10)));
}

std::optional<base::Duration> restart_delay(const spec::RestartPolicy& policy,
                                            const EndFacts& facts) {
  if (facts.stopped_by_user) return {};
  switch (facts.unhealthy ? spec::RestartMode::Always : policy.mode) {
    case spec::RestartMode::No:
      return {};
    case spec::RestartMode::OnFailure:
      // An end that nobody saw counts as a failure: better one start too many than a dead service.
      if (facts.exit.known && facts.exit.code == 0) return {};
      break;
    case spec::RestartMode::Always:
    case spec::RestartMode::UnlessStopped:
      break;
  }
  const unsigned failed = ran_long_enough(policy, facts.ran) ? 0 : facts.restarts;
  if (policy.max_retries != 0 && failed >= policy.max_retries) return {};
  if (policy.delay) return *policy.delay;
  const unsigned doublings = std::min(failed, 10U);
  const base::Duration delay = std::chrono::milliseconds(100) * (std::int64_t{1} << doublings);
  return std::min<base::Duration>(delay, std::chrono::minutes(1));
}

bool stays_ended(const spec::RestartPolicy& policy, const ActualContainer& found) {
  // Made and never started, because that was asked for.
  if (found.status == ContainerStatus::Created) return found.stopped_by_user;
  if (found.status != ContainerStatus::Exited) return false;
  // It ran when the machine went down: what the intent wants to run comes back, whatever its
  // policy.
  if (found.from_before && !found.exit.known && !found.stopped_by_user) return false;
  return !restart_delay(policy, {found.exit, {}, found.recent_restarts, found.stopped_by_user});
}

}  // namespace planner
