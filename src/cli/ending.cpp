#include "cli/ending.hpp"

#include <algorithm>

#include "planner/restart.hpp"

namespace cli {

namespace {

bool is_awaited(const planner::DesiredState& desired, const std::string& name) {
  return std::any_of(
      desired.containers.begin(), desired.containers.end(), [&](const planner::Container& each) {
        return std::any_of(each.depends_on.begin(), each.depends_on.end(),
                           [&](const planner::DependencySpec& dependency) {
                             return dependency.container == name &&
                                    dependency.condition == spec::Condition::CompletedSuccessfully;
                           });
      });
}

}  // namespace

AbortOn abort_on(const UpArgs& args) {
  if (args.abort_on_failure) return AbortOn::Failure;
  return args.abort_on_exit ? AbortOn::Exit : AbortOn::Nothing;
}

bool will_restart(const spec::RestartPolicy& policy, const planner::ActualContainer& actual) {
  return actual.error.empty() &&
         planner::restart_delay(policy,
                                {actual.exit, {}, actual.recent_restarts, actual.stopped_by_user});
}

Ending judge_ending(const planner::DesiredState& desired, const planner::ActualContainer& actual,
                    AbortOn on) {
  const planner::Container* wanted = desired.container(actual.name);
  if (wanted == nullptr) return Ending::Over;
  if (will_restart(wanted->restart, actual)) return Ending::Restarts;
  const bool well = actual.exit.known && actual.exit.code == 0;
  switch (on) {
    case AbortOn::Nothing:
      break;
    case AbortOn::Exit:
      return well && is_awaited(desired, actual.name) ? Ending::Over : Ending::EndsAll;
    case AbortOn::Failure:
      return well ? Ending::Over : Ending::EndsAll;
  }
  return Ending::Over;
}

}  // namespace cli
