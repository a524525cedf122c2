// What is done about each container: removed, made, replaced, restarted, started, updated in place,
// and after whom.
#include <algorithm>

#include "base/text.hpp"
#include "planner/differ.hpp"
#include "planner/drift.hpp"

namespace planner {

using base::cat;

namespace {

bool is_outdated(const std::vector<Change>& changes) {
  return std::any_of(changes.begin(), changes.end(),
                     [](const Change& change) { return change.effect == Effect::Replace; });
}

// `depends_on` with `restart: true`.
std::vector<Reason> restart_reasons(const Container& container,
                                    const std::map<std::string, const char*>& renewed) {
  std::vector<Reason> out;
  for (const DependencySpec& dependency : container.depends_on) {
    if (!dependency.restart) continue;
    const auto at = renewed.find(dependency.container);
    if (at == renewed.end()) continue;
    out.push_back({cat("dependency ", dependency.container, " is ", at->second), {}, {}, {}});
  }
  return out;
}

}  // namespace

bool Differ::is_orphan(const ActualContainer& container) const {
  return !container.oneoff && services_.count(container.service) == 0;
}

std::optional<std::string> Differ::reason_to_remove(const ActualContainer& container) const {
  if (container.oneoff) {
    // As docker compose has it, one that has ended goes with the orphans.
    const bool ended = container.status == ContainerStatus::Exited;
    if (!ended || !options_.remove_orphans) return {};
    return "a `run` that has ended";
  }
  if (is_orphan(container)) {
    if (!options_.remove_orphans) return {};
    return cat("service ", container.service, " is not in the stack file");
  }
  if (selected_.count(container.service) == 0) return {};
  if (container.step != 0) {
    return cat("service ", container.service, " has no such step of pre_start now");
  }
  const auto wanted = static_cast<unsigned>(std::count_if(
      desired_.containers.begin(), desired_.containers.end(), [&](const Container& other) {
        return other.service == container.service && !other.oneoff && other.step == 0;
      }));
  return container.index > wanted
             ? cat("service ", container.service, " has ", wanted,
                   wanted == 1 ? " replica now" : " replicas now")
             : cat("service ", container.service, " has another container name now");
}

void Differ::remove_containers() {
  for (const ActualContainer& container : actual_.containers) {
    if (desired_.container(container.name) != nullptr) continue;
    if (const auto why = reason_to_remove(container)) {
      remove_container(full_record(container), *why);
    } else if (is_orphan(container)) {
      plan_.orphans.push_back(container.name);
    }
  }
  remove_leftovers();
}

void Differ::remove_container(const Container& record, const std::string& why) {
  plan_.removed.push_back(record);
  const std::string id = add(Kind::Container, Action::Remove, record.name, {{why, {}, {}, {}}}).id;
  planned_.insert(id);
  // Whoever takes its place (another name, the same volumes) starts when it has gone.
  if (record.step == 0) predecessors_[{record.service, record.index}] = id;
  for (const EndpointSpec& endpoint : record.endpoints) {
    remove_endpoint(record.name, endpoint, cat("container ", record.name, " is removed"), id);
  }
}

// A run that died between network and container leaves a namespace and no container; when the
// service has gone from the file since, only the recorded intent knows of it.
void Differ::remove_leftovers() {
  const bool some = !options_.services.empty() || !options_.oneoff.empty();
  if (options_.recorded == nullptr || some) return;
  for (const Container& container : options_.recorded->containers) {
    if (desired_.container(container.name) != nullptr || found_.count(container.name) != 0)
      continue;
    const bool left = std::any_of(
        container.endpoints.begin(), container.endpoints.end(),
        [&](const EndpointSpec& endpoint) { return endpoints_.count(endpoint.link.device) != 0; });
    if (left) remove_container(container, "left by an unfinished run");
  }
}

Container Differ::full_record(const ActualContainer& container) const {
  Container out = record_of(container);
  const Container* intended =
      options_.recorded == nullptr ? nullptr : options_.recorded->container(container.name);
  if (intended == nullptr) return out;
  for (const EndpointSpec& endpoint : intended->endpoints) {
    const bool known =
        std::any_of(out.endpoints.begin(), out.endpoints.end(),
                    [&](const EndpointSpec& other) { return other.network == endpoint.network; });
    if (!known) out.endpoints.push_back(endpoint);
  }
  return out;
}

// Recreation of chosen services leaves their dependencies alone unless that was asked for, too, as
// docker compose does.
bool Differ::recreation_asked(const ActualContainer& found) const {
  if (options_.recreate_seen) {
    const auto seen = options_.recreate_seen->find(found.name);
    if (seen == options_.recreate_seen->end() || seen->second != found.created_at) return false;
  }
  const bool named = options_.services.empty() ||
                     std::find(options_.services.begin(), options_.services.end(), found.service) !=
                         options_.services.end();
  return named ? options_.force_recreate : options_.recreate_dependencies;
}

void Differ::renew_volumes(const Container& container, Step& step) const {
  for (const MountSpec& mount : container.mounts) {
    const Volume* volume =
        mount.type == spec::MountType::Volume ? plan_.desired.volume(mount.source) : nullptr;
    const bool there =
        std::any_of(actual_.volumes.begin(), actual_.volumes.end(),
                    [&](const ActualVolume& known) { return known.name == mount.source; });
    if (volume == nullptr || !volume->key.empty() || !there) continue;
    step.renews.push_back(volume->name);
    step.reasons.push_back(
        {cat("its anonymous volume at ", mount.target, " is made anew"), {}, {}, {}});
  }
}

Differ::Decision Differ::decide(const Container& container, const ActualContainer* found,
                                const std::vector<Change>& changes) const {
  const Action make = options_.no_start ? Action::Prepare : Action::Create;
  if (found == nullptr) {
    return {true, make, {{container.oneoff ? "a run was asked for" : "not there", {}, {}, {}}}};
  }
  // A command is run once, however often its plan has to be made.
  if (container.oneoff && found->status != ContainerStatus::Created) return {};
  std::vector<Reason> in_place;
  std::vector<Reason> replacing;
  ContainerDrift drift;
  if (!options_.no_recreate) {
    if (recreation_asked(*found)) {
      replacing.push_back({"recreation was asked for", {}, {}, {}});
    }
    for (const Change& change : changes) {
      (change.effect == Effect::Replace ? replacing : in_place).push_back(change.reason);
    }
    drift = container_drift(container, *found, {.unchanged = changes.empty()});
    in_place.insert(in_place.end(), drift.reasons.begin(), drift.reasons.end());
  }
  if (!replacing.empty()) {
    replacing.insert(replacing.end(), in_place.begin(), in_place.end());
    return {true, options_.no_start ? make : Action::Replace, std::move(replacing)};
  }
  if (!options_.no_start) {
    if (auto why = reason_to_start(*found)) {
      in_place.insert(in_place.begin(), Reason{*why, {}, {}, {}});
      return {true, Action::Start, std::move(in_place)};
    }
    std::vector<Reason> restarting = restart_reasons(container, renewed_);
    if (!restarting.empty() && is_active(found->status)) {
      restarting.insert(restarting.end(), in_place.begin(), in_place.end());
      return {true, Action::Restart, std::move(restarting)};
    }
  }
  if (!in_place.empty()) {
    return {true, drift.restart ? Action::Restart : Action::Update, std::move(in_place)};
  }
  return {};
}

std::optional<std::string> Differ::reason_to_start(const ActualContainer& found) const {
  switch (found.status) {
    case ContainerStatus::Running:
    case ContainerStatus::Paused:
      return {};
    case ContainerStatus::Restarting:
      // The supervisor waits out the back-off and starts it; without one nobody would.
      if (actual_.supervisor_alive) return {};
      return "waits for a restart and no supervisor is there";
    case ContainerStatus::Created:
      if (!found.error.empty()) return cat("could not start: ", found.error);
      return "was never started";
    case ContainerStatus::Exited:
      if (found.from_before && !found.exit.known) return "ran before the machine was restarted";
      if (!found.exit.known) return "has ended (exit code unknown)";
      if (found.exit.oom_killed) return "has ended (out of memory)";
      return cat("has ended (exit code ", found.exit.code, ")");
  }
  return {};
}

bool Differ::is_left(const std::string& container) const {
  return std::find(options_.leave.begin(), options_.leave.end(), container) != options_.leave.end();
}

std::vector<Change> Differ::changes_of(const Container& container,
                                       const ActualContainer* found) const {
  if (found == nullptr) return {};
  // The common case is equal text: nothing is parsed, which keeps an empty plan cheap.
  const std::string wanted = fingerprint(container);
  if (found->fingerprint == wanted) return {};
  return changes_between(found->fingerprint, wanted, &desired_);
}

void Differ::diff_container(const Container& container) {
  const auto at = found_.find(container.name);
  Found found;
  if (at != found_.end()) found.container = at->second;
  const std::vector<Change> changes = changes_of(container, found.container);
  std::vector<Reason> to_run;
  if (container.step != 0) {
    to_run = reasons_to_run(container);
    // Its record says what it ran as until it runs as something else.
    if (to_run.empty() && (found.container == nullptr || is_outdated(changes))) return;
  }
  if (found.container != nullptr) {
    found.recorded = changes.empty() ? container.endpoints : record_of(*found.container).endpoints;
  }
  // One that is to stay what it is stays where it is.
  std::vector<std::string> endpoint_ids;
  if (found.container == nullptr || !options_.no_recreate || changes.empty()) {
    endpoint_ids = diff_endpoints(container, found);
  }

  Decision decision = container.step != 0 ? decide_step(found.container, std::move(to_run), changes)
                                          : decide(container, found.container, changes);
  if (!decision.act) {
    ++plan_.unchanged;
    return;
  }
  Step step =
      make_step(Kind::Container, decision.action, container.name, std::move(decision.reasons));
  step.after = endpoint_ids;
  if (decision.action != Action::Update) {
    for (const MountSpec& mount : container.mounts) {
      if (mount.type == spec::MountType::Volume) {
        after_if_planned(step, step_id(Kind::Volume, mount.source));
      }
    }
    if (const auto before = predecessors_.find({container.service, container.index});
        before != predecessors_.end()) {
      step.after.push_back(before->second);
    }
    const bool anew = decision.action == Action::Create || decision.action == Action::Prepare ||
                      decision.action == Action::Replace;
    if (anew && options_.renew_volumes) renew_volumes(container, step);
    if (decision.action != Action::Prepare) wait_for_dependencies(container, step);
    if (decision.action == Action::Replace) renewed_[container.name] = "replaced";
    if (decision.action == Action::Restart) renewed_[container.name] = "restarted";
  }
  std::sort(step.after.begin(), step.after.end());
  step.after.erase(std::unique(step.after.begin(), step.after.end()), step.after.end());
  planned_.insert(step.id);
  plan_.steps.push_back(std::move(step));
}

void Differ::wait_for_dependencies(const Container& container, Step& step) const {
  const auto wait_for = [&](const std::string& other, spec::Condition condition, bool required) {
    const Container* target = plan_.desired.container(other);
    if (target == nullptr) return;
    // --no-deps: what was not asked for is not waited for.
    if (options_.no_deps && selected_.count(target->service) == 0) return;
    if (target->step != 0 && !is_waited_for(*target)) return;
    step.waits.push_back({other, condition, required});
    // An old process must not satisfy the wait while its successor is still to come. A dependency
    // that is not required may fail: its step does not hold this one back.
    if (required) after_if_planned(step, step_id(Kind::Container, other));
  };
  for (const DependencySpec& dependency : container.depends_on) {
    wait_for(dependency.container, dependency.condition, dependency.required);
  }
  if (container.network == NetworkKind::Container) {
    const bool listed = std::any_of(step.waits.begin(), step.waits.end(), [&](const Wait& wait) {
      return wait.container == container.network_container;
    });
    if (!listed) wait_for(container.network_container, spec::Condition::Started, true);
  }
}

}  // namespace planner
