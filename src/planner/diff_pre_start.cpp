// When a step of `pre_start` runs. As the specification has it: when the service is made or made
// anew, when the step's definition has changed, and when it has not succeeded; never because the
// service is started again, by its restart policy, by hand or after a reboot, and never for a
// replica that joins others.
#include <algorithm>

#include "base/text.hpp"
#include "planner/differ.hpp"
#include "planner/pre_start.hpp"

namespace planner {

using base::cat;

namespace {

bool has_succeeded(const ActualContainer& found) {
  return found.status == ContainerStatus::Exited && found.exit.known && found.exit.code == 0 &&
         found.error.empty();
}

std::string how_it_ended(const ActualContainer& found) {
  if (found.status != ContainerStatus::Exited) return "was never started";
  if (!found.exit.known) return "has ended (exit code unknown)";
  return cat("has failed (exit code ", found.exit.code, ")");
}

std::vector<Reason> because(std::string text) {
  return {{std::move(text), {}, {}, {}}};
}

}  // namespace

// What the plan is to do about the replicas that wait for `step`.
Differ::Round Differ::round_of(const Container& step) const {
  Round out;
  for (const Container& replica : plan_.desired.containers) {
    if (replica.service != step.service || replica.step != 0 || replica.oneoff) continue;
    const bool per_replica =
        step.step <= replica.pre_start.size() && replica.pre_start[step.step - 1].per_replica;
    if (per_replica && replica.index != step.index) continue;
    const auto at = found_.find(replica.name);
    const ActualContainer* found = at == found_.end() ? nullptr : at->second;
    // Made, and never started: as if it were not there.
    const bool unborn = found == nullptr || found->status == ContainerStatus::Created;
    out.all_new = out.all_new && unborn;
    if (is_left(replica.name)) continue;
    const Decision decision = decide(replica, found, changes_of(replica, found));
    if (!decision.act) continue;
    const bool first_start = decision.action == Action::Start && unborn;
    if (decision.action == Action::Replace || first_start) {
      out.made_anew = std::max(out.made_anew.value_or(found->created_at), found->created_at);
    }
    out.starts = out.starts || decision.action == Action::Create ||
                 decision.action == Action::Start || decision.action == Action::Replace;
  }
  return out;
}

std::vector<Reason> Differ::reasons_to_run(const Container& step) const {
  if (options_.no_start || is_left(step.name)) return {};
  const Round round = round_of(step);
  if (!round.starts) return {};
  const bool anew = round.all_new || round.made_anew;  // else replicas join others
  const auto at = found_.find(step.name);
  if (at == found_.end()) {
    if (!anew) return {};
    return because(cat("service ", step.service, " waits for it"));
  }
  const ActualContainer& found = *at->second;
  std::vector<Reason> out;
  for (const Change& change : changes_of(step, &found)) {
    if (change.effect == Effect::Replace) out.push_back(change.reason);
  }
  if (!out.empty()) return out;
  // It is at work, for an earlier plan that was cut short: waited for, and not begun again.
  if (is_active(found.status)) return {};
  if (!has_succeeded(found)) return because(how_it_ended(found));
  for (const DependencySpec& dependency : step.depends_on) {
    const Container* before = plan_.desired.container(dependency.container);
    if (!anew || before == nullptr || before->step == 0 || before->service != step.service)
      continue;
    if (planned_.count(step_id(Kind::Container, before->name)) != 0) {
      return because(cat("step ", before->step, " runs again"));
    }
  }
  // One that ran after the container that is replaced had been made has run for its successor.
  if (round.made_anew && found.created_at <= *round.made_anew) {
    return because(cat("service ", step.service, " is made anew"));
  }
  return {};
}

Differ::Decision Differ::decide_step(const ActualContainer* found, std::vector<Reason> to_run,
                                     const std::vector<Change>& changes) const {
  if (!to_run.empty()) {
    return {true, found == nullptr ? Action::Create : Action::Replace, std::move(to_run)};
  }
  std::vector<Reason> in_place;
  bool reconnected = false;
  for (const Change& change : changes) {
    reconnected = reconnected || change.effect == Effect::Reconnect;
    in_place.push_back(change.reason);
  }
  // Where it has ended it still has its place on networks; the rest is looked at when it runs.
  if (!reconnected || options_.no_recreate) return {};
  return {true, Action::Update, std::move(in_place)};
}

// A step that is not begun by this plan, and not at work, is nothing to wait for: it has
// succeeded before, or its container was removed since.
bool Differ::is_waited_for(const Container& step) const {
  if (planned_.count(step_id(Kind::Container, step.name)) != 0) return true;
  const auto at = found_.find(step.name);
  return at != found_.end() && is_active(at->second->status);
}

}  // namespace planner
