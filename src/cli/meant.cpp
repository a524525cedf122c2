#include "cli/meant.hpp"

#include <algorithm>

namespace cli {

namespace {

bool is_in_plan(const planner::Plan& plan, const std::string& container) {
  return std::any_of(plan.steps.begin(), plan.steps.end(), [&](const planner::Step& step) {
    return step.kind == planner::Kind::Container && step.target == container;
  });
}

}  // namespace

std::vector<std::string> containers_meant(const Planned& planned,
                                          const std::vector<std::string>& services) {
  std::vector<std::string> out;
  for (const planner::Container& each : planned.desired.containers) {
    const bool meant = is_selected(services, each.service) && !each.oneoff && each.step == 0;
    if (meant || is_in_plan(planned.plan, each.name)) out.push_back(each.name);
  }
  return out;
}

void show_unchanged(const Planned& planned, const std::vector<std::string>& meant,
                    Progress& progress) {
  for (const std::string& name : meant) {
    const planner::ActualContainer* actual = planned.actual.container(name);
    if (actual == nullptr || is_in_plan(planned.plan, name)) continue;
    const bool runs = actual->status == planner::ContainerStatus::Running;
    const bool made = actual->status == planner::ContainerStatus::Created;
    progress.set("Container " + name, runs ? "Running" : made ? "Created" : "Exited", Mark::Done);
  }
}

}  // namespace cli
