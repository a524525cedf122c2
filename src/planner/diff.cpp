// diff(): the decision what to do about the difference between wish and fact. Here: which services
// are meant, networks, volumes, and the stack's published ports.
#include <algorithm>
#include <iterator>

#include "base/text.hpp"
#include "planner/codec.hpp"
#include "planner/differ.hpp"
#include "planner/drift.hpp"
#include "planner/graph.hpp"
#include "planner/outcomes.hpp"
#include "planner/restart.hpp"

namespace planner {

using base::cat;

Differ::Differ(const DesiredState& desired, const ActualState& actual, const DiffOptions& options)
    : desired_(desired), actual_(actual), options_(options) {
  for (const ActualContainer& container : actual.containers) {
    found_.emplace(container.name, &container);
  }
  for (const netfab::Endpoint& endpoint : actual.fabric.endpoints) {
    endpoints_.emplace(endpoint.device, &endpoint);
  }
}

Plan Differ::run() {
  plan_.project = desired_.project;
  select();
  if (auto step = supervisor_drift(actual_, plan_.project)) plan_.steps.push_back(std::move(*step));
  plan_.notes = drift_notes(actual_);
  diff_networks();
  diff_volumes();
  diff_ports();
  remove_containers();
  for (const Container& container : plan_.desired.containers) {
    if (is_meant(container)) diff_container(container);
  }
  drop_networks();
  plan_.basis = basis_of(actual_, plan_);
  plan_.outcomes = outcomes_of(plan_, actual_);
  return std::move(plan_);
}

Step& Differ::add(Kind kind, Action action, const std::string& target,
                  std::vector<Reason> reasons) {
  plan_.steps.push_back(make_step(kind, action, target, std::move(reasons)));
  return plan_.steps.back();
}

void Differ::after_if_planned(Step& step, const std::string& id) const {
  if (planned_.count(id) != 0) step.after.push_back(id);
}

void Differ::select() {
  services_.insert(desired_.services.begin(), desired_.services.end());
  for (const Container& container : desired_.containers) services_.insert(container.service);
  plan_.desired = desired_;
  const bool some = !options_.services.empty() || desired_.container(options_.oneoff) != nullptr;
  if (some) {
    choose_services();
    std::erase_if(plan_.desired.containers, [&](const Container& container) {
      return selected_.count(container.service) == 0 && found_.count(container.name) == 0 &&
             container.name != options_.oneoff && !is_kept(container);
    });
  } else {
    selected_ = services_;
  }
  if (options_.recorded != nullptr) keep_recorded();
  if (some) drop_what_nothing_uses();
}

void Differ::choose_services() {
  DependencyGraph graph(std::vector<std::string>(services_.begin(), services_.end()));
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
  const Container* oneoff = desired_.container(options_.oneoff);
  std::vector<std::string> wanted = options_.services;
  if (oneoff != nullptr) wanted = options_.no_deps ? wanted : dependencies_of(*oneoff);
  if (!options_.no_deps && !wanted.empty()) wanted = graph.closure(wanted);
  selected_.insert(wanted.begin(), wanted.end());
}

bool Differ::is_kept(const Container& container) const {
  const DesiredState* recorded = options_.recorded;
  if (recorded == nullptr || recorded->container(container.name) == nullptr) return false;
  // A step of one that was made and never started is still to come.
  const bool there = found_.count(container.name) != 0 || container.step != 0;
  if (!there || container.name == options_.oneoff) return false;
  // A step runs as what it is now when somebody new waits for it.
  return selected_.count(container.service) == 0 || (options_.no_recreate && container.step == 0);
}

// What the plan is not about stays recorded as what it was last brought up as, or the next
// `reconcile` would bring up what nobody asked for.
void Differ::keep_recorded() {
  const DesiredState& recorded = *options_.recorded;
  DesiredState& intent = plan_.desired;
  std::set<std::string> changing;  // networks of those that the plan is about, changed in the file
  for (const Container& container : intent.containers) {
    if (is_kept(container)) continue;
    for (const EndpointSpec& endpoint : container.endpoints) {
      const Network* before = recorded.network(endpoint.network);
      const Network* now = desired_.network(endpoint.network);
      if (before != nullptr && now != nullptr && *before != *now) changing.insert(endpoint.network);
    }
  }
  for (Container& container : intent.containers) {
    if (!is_kept(container)) continue;
    Container kept = *recorded.container(container.name);
    const bool moves = kept.network == container.network &&
                       std::any_of(kept.endpoints.begin(), kept.endpoints.end(),
                                   [&](const EndpointSpec& endpoint) {
                                     return changing.count(endpoint.network) != 0;
                                   });
    // Its network becomes another one: its place there, and the ports that lead to it, follow.
    if (moves) {
      kept.endpoints = std::move(container.endpoints);
      kept.ports = std::move(container.ports);
    }
    container = std::move(kept);
  }
  for (const ActualContainer& found : actual_.containers) {
    const Container* kept = recorded.container(found.name);
    if (kept == nullptr || found.oneoff || desired_.container(found.name) != nullptr) continue;
    if (!reason_to_remove(found)) intent.containers.push_back(*kept);
  }
  keep_networks(changing);
}

// The networks of those that stay what they are, and the volumes of those whose service is in the
// file: as they were.
void Differ::keep_networks(const std::set<std::string>& changing) {
  const DesiredState& recorded = *options_.recorded;
  DesiredState& intent = plan_.desired;
  std::set<std::string> networks, volumes;
  for (const Container& container : intent.containers) {
    const bool gone = desired_.container(container.name) == nullptr;
    if (!gone && !is_kept(container)) continue;
    for (const EndpointSpec& endpoint : container.endpoints) networks.insert(endpoint.network);
    if (services_.count(container.service) == 0) continue;
    for (const MountSpec& mount : container.mounts) {
      if (mount.type == spec::MountType::Volume) volumes.insert(mount.source);
    }
  }
  for (const Network& before : recorded.networks) {
    if (networks.count(before.name) == 0 || changing.count(before.name) != 0) continue;
    const auto at = std::find_if(intent.networks.begin(), intent.networks.end(),
                                 [&](const Network& now) { return now.name == before.name; });
    if (at == intent.networks.end()) {
      intent.networks.push_back(before);
    } else {
      *at = before;
    }
  }
  for (const Volume& before : recorded.volumes) {
    if (volumes.count(before.name) != 0 && intent.volume(before.name) == nullptr) {
      intent.volumes.push_back(before);
    }
  }
}

std::vector<std::string> Differ::dependencies_of(const Container& container) const {
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

void Differ::drop_what_nothing_uses() {
  DesiredState& intent = plan_.desired;
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

void Differ::diff_networks() {
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
    for (const Reason& reason : reasons) {
      if (reason.field == "mtu") resized_.insert(network.name);
    }
    const Network* before =
        options_.recorded == nullptr ? nullptr : options_.recorded->network(network.name);
    if (before != nullptr) label_differences(reasons, before->labels, network.labels);
    if (reasons.empty()) {
      ++plan_.unchanged;
    } else {
      planned_.insert(add(Kind::Network, Action::Update, network.name, std::move(reasons)).id);
    }
  }
}

void Differ::diff_volumes() {
  for (const Volume& volume : plan_.desired.volumes) {
    const bool there =
        std::any_of(actual_.volumes.begin(), actual_.volumes.end(),
                    [&](const ActualVolume& known) { return known.name == volume.name; });
    // An external volume is somebody else's to make; its absence is told before planning.
    if (there || volume.external) {
      std::vector<Reason> reasons;
      const Volume* before =
          options_.recorded == nullptr ? nullptr : options_.recorded->volume(volume.name);
      if (before != nullptr) label_differences(reasons, before->labels, volume.labels);
      option_differences(reasons, volume, actual_.volumes);
      if (reasons.empty()) {
        ++plan_.unchanged;
      } else {
        planned_.insert(add(Kind::Volume, Action::Update, volume.name, std::move(reasons)).id);
      }
      continue;
    }
    planned_.insert(add(Kind::Volume, Action::Create, volume.name, {{"not there", {}, {}, {}}}).id);
  }
}

bool Differ::is_meant(const Container& container) const {
  const bool chosen = container.oneoff ? container.name == options_.oneoff
                                       : selected_.count(container.service) != 0;
  return chosen && !is_left(container.name);
}

bool Differ::stays_ended_here(const Container& container) const {
  const auto at = found_.find(container.name);
  if (at == found_.end() || !stays_ended(container.restart, *at->second)) return false;
  return options_.no_start || !is_meant(container);
}

// The stack's ports are one table, replaced in one transaction. In place before any container
// starts: they need addresses, not processes.
void Differ::diff_ports() {
  const std::set<netfab::PublishedPort> published(actual_.fabric.ports.begin(),
                                                  actual_.fabric.ports.end());
  for (const Container& container : plan_.desired.containers) {
    const bool as_they_are = stays_ended_here(container);
    std::copy_if(container.ports.begin(), container.ports.end(), std::back_inserter(plan_.ports),
                 [&](const netfab::PublishedPort& port) {
                   return !as_they_are || published.count(port) != 0;
                 });
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

void Differ::drop_networks() {
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

Plan diff(const DesiredState& desired, const ActualState& actual, const DiffOptions& options) {
  return Differ(desired, actual, options).run();
}

}  // namespace planner
