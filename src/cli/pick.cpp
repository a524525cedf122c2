#include "cli/pick.hpp"

#include <tuple>

#include "base/error.hpp"
#include "cli/ps_view.hpp"

namespace cli {

Picked pick_container(const Recorded& recorded, const std::string& service, unsigned index) {
  const std::string& project = recorded.paths.project;
  if (!recorded.intent) {
    throw base::Error(base::cat("stack ", project, " is not up"), "stack up -d");
  }
  check_services({service}, service_names(recorded), project);
  const planner::ActualContainer* seen = nullptr;
  Picked out;
  for (const planner::Container& each : recorded.intent->containers) {
    if (each.service != service || each.step != 0 || (index != 0 && each.index != index)) continue;
    const planner::ActualContainer* actual = recorded.actual.container(each.name);
    if (actual == nullptr) continue;
    seen = actual;
    // One that `run` made is meant when there is nothing else.
    const bool better =
        out.described == nullptr ||
        std::tie(each.oneoff, each.index) < std::tie(out.described->oneoff, out.described->index);
    if (actual->status == planner::ContainerStatus::Running && better) out = {&each, actual};
  }
  if (out.actual != nullptr) return out;
  if (seen != nullptr) {
    throw base::Error(
        base::cat("container ", seen->name, " does not run: it is ", state_word(seen->status)),
        "stack ps -a shows why");
  }
  if (index != 0) throw base::Error(base::cat("service ", service, " has no replica ", index));
  throw base::Error(base::cat("service ", service, " has no container"), "stack up -d " + service);
}

}  // namespace cli
