// diff(): the decision what to do about the difference between wish and fact. Steps come out in a
// topological order: networks, volumes, ports, then containers, dependencies first, each after its
// endpoints.
#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "planner/changes.hpp"
#include "planner/drift.hpp"
#include "planner/graph.hpp"
#include "planner/plan.hpp"
#include "planner/steps.hpp"

namespace planner {

using base::cat;

namespace {

class Differ {
 public:
  Differ(const DesiredState& desired, const ActualState& actual, const DiffOptions& options)
      : desired_(desired), actual_(actual), options_(options) {
    for (const ActualContainer& container : actual.containers) {
      found_.emplace(container.name, &container);
    }
    for (const netfab::Endpoint& endpoint : actual.fabric.endpoints) {
      endpoints_.emplace(endpoint.device, &endpoint);
    }
  }

  Plan run() {
    plan_.project = desired_.project;
    plan_.basis = basis_of(actual_);
    select();
    if (auto step = supervisor_drift(actual_, plan_.project))
      plan_.steps.push_back(std::move(*step));
    plan_.notes = drift_notes(actual_);
    diff_networks();
    diff_volumes();
    diff_ports();
    remove_containers();
    for (const Container& container : plan_.desired.containers) {
      const bool left = std::find(options_.leave.begin(), options_.leave.end(), container.name) !=
                        options_.leave.end();
      const bool chosen = container.oneoff ? container.name == options_.oneoff
                                           : selected_.count(container.service) != 0;
      if (chosen && !left) diff_container(container);
    }
    drop_networks();
    return std::move(plan_);
  }

 private:
  Step& add(Kind kind, Action action, const std::string& target, std::vector<Reason> reasons) {
    plan_.steps.push_back(make_step(kind, action, target, std::move(reasons)));
    return plan_.steps.back();
  }
  void after_if_planned(Step& step, const std::string& id) const {
    if (planned_.count(id) != 0) step.after.push_back(id);
  }

  // Which services this plan is about, and the intent that remains: a service that was not asked
  // for and does not exist is not part of it.
  void select() {
    std::vector<std::string> nodes = desired_.services;
    for (const Container& container : desired_.containers) nodes.push_back(container.service);
    const Container* oneoff = desired_.container(options_.oneoff);
    if (options_.services.empty() && oneoff == nullptr) {
      selected_.insert(nodes.begin(), nodes.end());
      plan_.desired = desired_;
      return;
    }
    DependencyGraph graph(nodes);
    for (const Container& container : desired_.containers) {
      for (const DependencySpec& dependency : container.depends_on) {
        if (const Container* other = desired_.container(dependency.container)) {
          graph.add_edge(container.service, other->service);
        }
      }
      if (const Container* owner = desired_.container(container.network_container)) {
        graph.add_edge(container.service, owner->service);
      }
    }
    std::vector<std::string> wanted = options_.services;
    if (oneoff != nullptr) wanted = options_.no_deps ? wanted : dependencies_of(*oneoff);
    if (!options_.no_deps && !wanted.empty()) wanted = graph.closure(wanted);
    selected_.insert(wanted.begin(), wanted.end());

    DesiredState& intent = plan_.desired;
    intent = desired_;
    const auto unwanted = [&](const Container& container) {
      return selected_.count(container.service) == 0 && found_.count(container.name) == 0 &&
             container.name != options_.oneoff;
    };
    intent.containers.erase(
        std::remove_if(intent.containers.begin(), intent.containers.end(), unwanted),
        intent.containers.end());
    std::set<std::string> networks;
    std::set<std::string> volumes;
    for (const Container& container : intent.containers) {
      for (const EndpointSpec& endpoint : container.endpoints) networks.insert(endpoint.network);
      for (const MountSpec& mount : container.mounts) {
        if (mount.type == spec::MountType::Volume) volumes.insert(mount.source);
      }
    }
    intent.networks.erase(
        std::remove_if(intent.networks.begin(), intent.networks.end(),
                       [&](const Network& network) { return networks.count(network.name) == 0; }),
        intent.networks.end());
    intent.volumes.erase(
        std::remove_if(intent.volumes.begin(), intent.volumes.end(),
                       [&](const Volume& volume) { return volumes.count(volume.name) == 0; }),
        intent.volumes.end());
  }

  std::vector<std::string> dependencies_of(const Container& container) const {
    std::vector<std::string> out;
    for (const DependencySpec& dependency : container.depends_on) {
      if (const Container* other = desired_.container(dependency.container)) {
        out.push_back(other->service);
      }
    }
    if (const Container* owner = desired_.container(container.network_container)) {
      out.push_back(owner->service);
    }
    return out;
  }

  void diff_networks() {
    for (const Network& network : plan_.desired.networks) {
      const auto at = std::find_if(
          actual_.fabric.bridges.begin(), actual_.fabric.bridges.end(),
          [&](const netfab::Bridge& bridge) { return bridge.device == network.bridge.device; });
      if (at == actual_.fabric.bridges.end()) {
        planned_.insert(
            add(Kind::Network, Action::Create, network.name, {{"not there", {}, {}, {}}}).id);
        continue;
      }
      std::vector<Reason> reasons =
          bridge_drift(network, bridge_differences(network.bridge, *at), actual_);
      if (reasons.empty()) {
        ++plan_.unchanged;
      } else {
        planned_.insert(add(Kind::Network, Action::Update, network.name, std::move(reasons)).id);
      }
    }
  }

  void diff_volumes() {
    for (const Volume& volume : plan_.desired.volumes) {
      const bool there =
          std::any_of(actual_.volumes.begin(), actual_.volumes.end(),
                      [&](const ActualVolume& known) { return known.name == volume.name; });
      // An external volume is somebody else's to make; its absence is told before planning.
      if (there || volume.external) {
        ++plan_.unchanged;
        continue;
      }
      planned_.insert(
          add(Kind::Volume, Action::Create, volume.name, {{"not there", {}, {}, {}}}).id);
    }
  }

  // The stack's ports are one table, replaced in one transaction. In place before any container
  // starts: they need addresses, not processes.
  void diff_ports() {
    for (const Container& container : plan_.desired.containers) {
      plan_.ports.insert(plan_.ports.end(), container.ports.begin(), container.ports.end());
    }
    std::vector<Reason> reasons =
        port_drift(port_differences(plan_.ports, actual_.fabric.ports), actual_.ports_table,
                   plan_.ports, options_.recorded, actual_);
    if (reasons.empty()) {
      if (!plan_.ports.empty()) ++plan_.unchanged;
      return;
    }
    const Action action = actual_.fabric.ports.empty() ? Action::Create
                          : plan_.ports.empty()        ? Action::Remove
                                                       : Action::Update;
    std::vector<std::string> networks(planned_.begin(), planned_.end());
    Step& step = add(Kind::Ports, action, plan_.project, std::move(reasons));
    for (const std::string& id : networks) {
      if (base::starts_with(id, "network/")) step.after.push_back(id);
    }
  }

  // Scaled down, renamed, or of no service any more.
  void remove_containers() {
    const std::set<std::string> services = [&] {
      std::set<std::string> out(desired_.services.begin(), desired_.services.end());
      for (const Container& container : desired_.containers) out.insert(container.service);
      return out;
    }();
    for (const ActualContainer& container : actual_.containers) {
      if (desired_.container(container.name) != nullptr) continue;
      std::string why;
      if (container.oneoff) {
        // As docker compose has it, one that has ended goes with the orphans.
        const bool ended = container.status == ContainerStatus::Exited;
        if (!ended || !options_.remove_orphans) continue;
        why = "a `run` that has ended";
      } else if (services.count(container.service) == 0) {
        if (!options_.remove_orphans) {
          plan_.orphans.push_back(container.name);
          continue;
        }
        why = cat("service ", container.service, " is not in the stack file");
      } else if (selected_.count(container.service) == 0) {
        continue;
      } else {
        const auto wanted = static_cast<unsigned>(std::count_if(
            desired_.containers.begin(), desired_.containers.end(), [&](const Container& other) {
              return other.service == container.service && !other.oneoff;
            }));
        why = container.index > wanted
                  ? cat("service ", container.service, " has ", wanted,
                        wanted == 1 ? " replica now" : " replicas now")
                  : cat("service ", container.service, " has another container name now");
      }
      remove_container(full_record(container), why);
    }
    remove_leftovers();
  }

  void remove_container(const Container& record, const std::string& why) {
    plan_.removed.push_back(record);
    const std::string id =
        add(Kind::Container, Action::Remove, record.name, {{why, {}, {}, {}}}).id;
    planned_.insert(id);
    // Whoever takes its place (another name, the same volumes) starts when it has gone.
    predecessors_[{record.service, record.index}] = id;
    for (const EndpointSpec& endpoint : record.endpoints) {
      remove_endpoint(record.name, endpoint, cat("container ", record.name, " is removed"), id);
    }
  }

  // A run that died between network and container leaves a namespace and no container; when the
  // service has gone from the file since, only the recorded intent knows of it.
  void remove_leftovers() {
    const bool some = !options_.services.empty() || !options_.oneoff.empty();
    if (options_.recorded == nullptr || some) return;
    for (const Container& container : options_.recorded->containers) {
      if (desired_.container(container.name) != nullptr || found_.count(container.name) != 0)
        continue;
      const bool left = std::any_of(container.endpoints.begin(), container.endpoints.end(),
                                    [&](const EndpointSpec& endpoint) {
                                      return endpoints_.count(endpoint.link.device) != 0;
                                    });
      if (left) remove_container(container, "left by an unfinished run");
    }
  }

  // The record, and what the recorded intent adds to it where the record is older or unreadable.
  Container full_record(const ActualContainer& container) const {
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

  void remove_endpoint(const std::string& owner, const EndpointSpec& endpoint,
                       const std::string& why, const std::string& after) {
    if (endpoints_.count(endpoint.link.device) == 0) return;
    Step& step =
        add(Kind::Endpoint, Action::Remove, cat(owner, "/", endpoint.network), {{why, {}, {}, {}}});
    if (!after.empty()) step.after.push_back(after);
    planned_.insert(step.id);
  }

  // ---- containers
  // ---------------------------------------------------------------------------------

  struct Decision {
    bool act = false;
    Action action = Action::Create;
    std::vector<Reason> reasons;
  };

  Decision decide(const Container& container, const ActualContainer* found,
                  const std::vector<Change>& changes) const {
    const Action make = options_.no_start ? Action::Prepare : Action::Create;
    if (found == nullptr) {
      return {true, make, {{container.oneoff ? "a run was asked for" : "not there", {}, {}, {}}}};
    }
    // A command is run once, however often its plan has to be made.
    if (container.oneoff && found->status != ContainerStatus::Created) return {};
    std::vector<Reason> in_place;
    std::vector<Reason> replacing;
    if (options_.force_recreate && is_named(container.service)) {
      replacing.push_back({"recreation was asked for", {}, {}, {}});
    }
    for (const Change& change : changes) {
      (change.effect == Effect::Replace ? replacing : in_place).push_back(change.reason);
    }
    ContainerDrift drift = container_drift(container, *found, {.unchanged = changes.empty()});
    in_place.insert(in_place.end(), drift.reasons.begin(), drift.reasons.end());
    for (const DependencySpec& dependency : container.depends_on) {
      if (dependency.restart && replaced_.count(dependency.container) != 0) {
        replacing.push_back({cat("dependency ", dependency.container, " is replaced"), {}, {}, {}});
      }
    }
    if (options_.no_recreate) {
      replacing.clear();
      in_place.clear();
    }
    if (!replacing.empty()) {
      replacing.insert(replacing.end(), in_place.begin(), in_place.end());
      return {true, options_.no_start ? make : Action::Replace, std::move(replacing)};
    }
    if (auto why = options_.no_start ? std::nullopt : reason_to_start(*found)) {
      in_place.insert(in_place.begin(), Reason{*why, {}, {}, {}});
      return {true, Action::Start, std::move(in_place)};
    }
    if (!in_place.empty()) {
      return {true, drift.restart ? Action::Restart : Action::Update, std::move(in_place)};
    }
    return {};
  }

  // --force-recreate of chosen services leaves their dependencies alone, as docker compose does.
  bool is_named(const std::string& service) const {
    return options_.services.empty() ||
           std::find(options_.services.begin(), options_.services.end(), service) !=
               options_.services.end();
  }

  std::optional<std::string> reason_to_start(const ActualContainer& found) const {
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

  void diff_endpoints(const Container& container, const ActualContainer* found,
                      const std::vector<EndpointSpec>& recorded, std::vector<std::string>& ids) {
    for (const EndpointSpec& endpoint : container.endpoints) {
      const std::string target = cat(container.name, "/", endpoint.network);
      const auto at = endpoints_.find(endpoint.link.device);
      const auto old = std::find_if(
          recorded.begin(), recorded.end(),
          [&](const EndpointSpec& other) { return other.network == endpoint.network; });
      Action action = Action::Create;
      std::vector<Reason> reasons;
      if (at == endpoints_.end()) {
        reasons.push_back({found == nullptr || old == recorded.end()
                               ? "not there"
                               : cat("device ", endpoint.link.device, " has gone"),
                           {},
                           {},
                           {}});
      } else if (found == nullptr) {
        // What lies inside its namespace is not known: made sure of again.
        reasons.push_back({"left by an unfinished run", {}, {}, {}});
      } else {
        action = Action::Update;
        // A changed link is told as that; setting it mends the rest, too.
        if (old != recorded.end() && old->link == endpoint.link) {
          reasons = endpoint_drift(endpoint, *at->second, container, found, actual_);
        }
        if (old == recorded.end()) {
          reasons.push_back({"left by an unfinished run", {}, {}, {}});
        } else if (!(old->link == endpoint.link)) {
          std::vector<Reason> changed = link_differences(endpoint.link, old->link);
          reasons.insert(reasons.end(), changed.begin(), changed.end());
        }
      }
      if (reasons.empty()) {
        ++plan_.unchanged;
        continue;
      }
      Step& step = add(Kind::Endpoint, action, target, std::move(reasons));
      after_if_planned(step, step_id(Kind::Network, endpoint.network));
      planned_.insert(step.id);
      ids.push_back(step.id);
    }
    remove_old_endpoints(container, found, recorded, ids);
  }

  void remove_old_endpoints(const Container& container, const ActualContainer* found,
                            const std::vector<EndpointSpec>& recorded,
                            std::vector<std::string>& ids) {
    // Equal records have equal endpoints: nothing to look for, nothing to parse.
    if (found == nullptr || recorded == container.endpoints) return;
    const Container record = full_record(*found);
    for (const EndpointSpec& old : record.endpoints) {
      const bool wanted =
          std::any_of(container.endpoints.begin(), container.endpoints.end(),
                      [&](const EndpointSpec& other) { return other.network == old.network; });
      if (wanted || endpoints_.count(old.link.device) == 0) continue;
      remove_endpoint(container.name, old, cat("no longer on network ", old.network), {});
      ids.push_back(step_id(Kind::Endpoint, cat(container.name, "/", old.network)));
      if (plan_.removed.empty() || plan_.removed.back().name != container.name) {
        plan_.removed.push_back(record);
      }
    }
  }

  void diff_container(const Container& container) {
    const auto at = found_.find(container.name);
    const ActualContainer* found = at == found_.end() ? nullptr : at->second;
    std::vector<Change> changes;
    std::vector<EndpointSpec> recorded;
    if (found != nullptr) {
      // The common case is equal text: nothing is parsed, which keeps an empty plan cheap.
      const std::string wanted = fingerprint(container);
      if (found->fingerprint == wanted) {
        recorded = container.endpoints;
      } else {
        changes = changes_between(found->fingerprint, wanted);
        recorded = record_of(*found).endpoints;
      }
    }
    std::vector<std::string> endpoint_ids;
    diff_endpoints(container, found, recorded, endpoint_ids);

    Decision decision = decide(container, found, changes);
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
      if (decision.action != Action::Prepare) wait_for_dependencies(container, step);
      replaced_.insert(container.name);
      if (decision.action != Action::Create && decision.action != Action::Replace) {
        replaced_.erase(container.name);
      }
    }
    std::sort(step.after.begin(), step.after.end());
    step.after.erase(std::unique(step.after.begin(), step.after.end()), step.after.end());
    planned_.insert(step.id);
    plan_.steps.push_back(std::move(step));
  }

  void wait_for_dependencies(const Container& container, Step& step) const {
    const auto wait_for = [&](const std::string& other, spec::Condition condition, bool required) {
      const Container* target = plan_.desired.container(other);
      if (target == nullptr) return;
      // --no-deps: what was not asked for is not waited for.
      if (options_.no_deps && selected_.count(target->service) == 0) return;
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

  // Networks of the last intent that nothing wants any more: after everything that was on them.
  void drop_networks() {
    const bool some = !options_.services.empty() || !options_.oneoff.empty();
    if (options_.recorded == nullptr || some || !plan_.orphans.empty()) return;
    for (const Network& network : options_.recorded->networks) {
      if (network.external || plan_.desired.network(network.name) != nullptr) continue;
      const bool there = std::any_of(
          actual_.fabric.bridges.begin(), actual_.fabric.bridges.end(),
          [&](const netfab::Bridge& bridge) { return bridge.device == network.bridge.device; });
      if (!there) continue;
      std::vector<std::string> before;
      for (const Step& step : plan_.steps) {
        if (step.kind == Kind::Endpoint || step.kind == Kind::Container) before.push_back(step.id);
      }
      Step& step = add(Kind::Network, Action::Remove, network.name,
                       {{"no service is on it any more", {}, {}, {}}});
      step.after = std::move(before);
      plan_.removed_networks.push_back(network);
    }
  }

  const DesiredState& desired_;
  const ActualState& actual_;
  const DiffOptions& options_;
  Plan plan_;
  std::set<std::string> selected_;  // services
  std::set<std::string> planned_;   // ids of steps
  std::set<std::string> replaced_;  // containers that become new processes under the same name
  std::map<std::pair<std::string, unsigned>, std::string>
      predecessors_;  // service, index → step id
  std::map<std::string, const ActualContainer*> found_;
  std::map<std::string, const netfab::Endpoint*> endpoints_;  // by device
};

}  // namespace

Plan diff(const DesiredState& desired, const ActualState& actual, const DiffOptions& options) {
  return Differ(desired, actual, options).run();
}

}  // namespace planner
