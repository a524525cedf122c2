// plan_down(): the end of a stack, dependants before what they depend on,
// independent containers side by side. Works from what is there; what has gone already needs no
// step.
#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "base/text.hpp"
#include "planner/anonymous.hpp"
#include "planner/outcomes.hpp"
#include "planner/plan.hpp"
#include "planner/steps.hpp"
#include "planner/teardown.hpp"

namespace planner {

using base::cat;

namespace {

// Belongs to no service of the recorded intent. Without any intent everything found is ours to end.
bool is_orphan(const DesiredState& recorded, const ActualContainer& container) {
  if (recorded.containers.empty() && recorded.services.empty()) return false;
  const bool listed = std::find(recorded.services.begin(), recorded.services.end(),
                                container.service) != recorded.services.end();
  return !listed && std::none_of(recorded.containers.begin(), recorded.containers.end(),
                                 [&](const Container& other) {
                                   return other.name == container.name ||
                                          other.service == container.service;
                                 });
}

class Downer {
 public:
  Downer(const DesiredState& recorded, const ActualState& actual, const DownOptions& options)
      : recorded_(recorded), actual_(actual), options_(options) {
    for (const netfab::Endpoint& endpoint : actual.fabric.endpoints)
      devices_.insert(endpoint.device);
  }

  Plan run() {
    plan_.project = recorded_.project.empty() ? actual_.project : recorded_.project;
    plan_.desired = recorded_;
    plan_.basis = basis_of(actual_, plan_);
    choose_containers();
    remove_containers();
    remove_ports();
    remove_endpoints();
    remove_own_volumes();
    if (is_whole()) {
      remove_networks();
      if (options_.volumes) remove_volumes();
      // A stack of which something stays is not forgotten: its intent leads `down` to it again.
      plan_.forget = plan_.orphans.empty();
    }
    plan_.outcomes = outcomes_of(plan_, actual_);
    return std::move(plan_);
  }

 private:
  // Everything of the stack; else its networks and volumes stay.
  [[nodiscard]] bool is_whole() const {
    return options_.services.empty() && options_.containers.empty() && !options_.only_stopped;
  }
  [[nodiscard]] bool is_meant(const std::string& name, const std::string& service) const {
    return is_chosen(options_.services, service) && is_chosen(options_.containers, name);
  }
  Step& add(Kind kind, const std::string& target, std::string why) {
    plan_.steps.push_back(make_step(kind, Action::Remove, target, {{std::move(why), {}, {}, {}}}));
    return plan_.steps.back();
  }

  void choose_containers() {
    for (const ActualContainer& container : actual_.containers) {
      if (is_orphan(recorded_, container) && !options_.remove_orphans) {
        plan_.orphans.push_back(container.name);
        keep(record_of(container));
        continue;
      }
      const bool ended = container.status == ContainerStatus::Exited ||
                         container.status == ContainerStatus::Created;
      if (!is_meant(container.name, container.service) || (options_.only_stopped && !ended)) {
        keep(record_of(container));
        continue;
      }
      teardown_.add(record_of(container));
    }
    if (options_.only_stopped) return;
    // A run that died between the network and the container leaves a namespace and no container.
    for (const Container& container : recorded_.containers) {
      if (actual_.container(container.name) != nullptr) continue;
      if (!is_meant(container.name, container.service)) continue;
      const bool left = std::any_of(
          container.endpoints.begin(), container.endpoints.end(),
          [&](const EndpointSpec& endpoint) { return devices_.count(endpoint.link.device) != 0; });
      if (left) teardown_.add(container);
    }
  }

  void keep(const Container& container) {
    for (const EndpointSpec& endpoint : container.endpoints)
      kept_networks_.insert(endpoint.network);
    for (const MountSpec& mount : container.mounts) {
      if (mount.type == spec::MountType::Volume) kept_volumes_.insert(mount.source);
    }
  }

  void remove_containers() {
    for (const Teardown::Entry& entry : teardown_.order()) {
      const std::string& name = entry.record->name;
      plan_.removed.push_back(*entry.record);
      const bool there = actual_.container(name) != nullptr;
      Step& step = add(Kind::Container, name,
                       !there       ? "left by an unfinished run"
                       : is_whole() ? "the stack goes down"
                                    : "removal was asked for");
      for (const std::string& dependant : entry.dependants) {
        step.after.push_back(step_id(Kind::Container, dependant));
      }
      container_steps_.push_back(step.id);
    }
  }

  void remove_ports() {
    if (actual_.fabric.ports.empty()) return;
    if (!is_whole()) {
      for (const Container& container : recorded_.containers) {
        if (teardown_.has(container.name) ||
            (!options_.only_stopped && is_meant(container.name, container.service))) {
          continue;
        }
        // Of those that are there: one that was stopped has given its ports up.
        std::copy_if(container.ports.begin(), container.ports.end(),
                     std::back_inserter(plan_.ports), [&](const netfab::PublishedPort& port) {
                       const auto& there = actual_.fabric.ports;
                       return std::find(there.begin(), there.end(), port) != there.end();
                     });
      }
    }
    std::vector<Reason> reasons = port_differences(plan_.ports, actual_.fabric.ports);
    if (reasons.empty()) return;
    Step step = make_step(Kind::Ports, plan_.ports.empty() ? Action::Remove : Action::Update,
                          plan_.project, std::move(reasons));
    step.after = container_steps_;
    plan_.steps.push_back(std::move(step));
    has_ports_step_ = true;
  }

  void remove_endpoints() {
    for (const auto& entry : teardown_.records()) {
      std::set<std::string> done;
      remove_endpoints_of(entry.second, entry.first, done);
      // The record may be older than the intent: what an unfinished change has added goes as well.
      if (const Container* intended = recorded_.container(entry.first)) {
        remove_endpoints_of(*intended, entry.first, done);
      }
    }
  }

  void remove_endpoints_of(const Container& container, const std::string& name,
                           std::set<std::string>& done) {
    for (const EndpointSpec& endpoint : container.endpoints) {
      if (devices_.count(endpoint.link.device) == 0) continue;
      if (!done.insert(endpoint.network).second) continue;
      Step& step = add(Kind::Endpoint, cat(name, "/", endpoint.network),
                       cat("container ", name, " is removed"));
      step.after.push_back(step_id(Kind::Container, name));
      endpoint_steps_[endpoint.network].push_back(step.id);
    }
  }

  // Anonymous volumes of a one-off are named after it: nobody could use them again. Those of a
  // replica go when that was asked for.
  void remove_own_volumes() {
    for (const auto& entry : teardown_.records()) {
      if (!entry.second.oneoff && !options_.anonymous_volumes) continue;
      for (const MountSpec& mount : entry.second.mounts) {
        if (!is_anonymous(plan_.project, entry.second, mount)) continue;
        Step& step = add(Kind::Volume, mount.source, cat("container ", entry.first, " is removed"));
        step.after.push_back(step_id(Kind::Container, entry.first));
      }
    }
  }

  void remove_networks() {
    for (const Network& network : recorded_.networks) {
      if (network.external) continue;
      const bool bridge = std::any_of(
          actual_.fabric.bridges.begin(), actual_.fabric.bridges.end(),
          [&](const netfab::Bridge& found) { return found.device == network.bridge.device; });
      const bool record = std::find(actual_.networks.begin(), actual_.networks.end(),
                                    network.name) != actual_.networks.end();
      if (!bridge && !record) continue;
      if (kept_networks_.count(network.name) != 0) continue;  // an orphan is still on it
      Step& step = add(Kind::Network, network.name, "the stack goes down");
      step.after = container_steps_;
      const auto endpoints = endpoint_steps_.find(network.name);
      if (endpoints != endpoint_steps_.end()) {
        step.after.insert(step.after.end(), endpoints->second.begin(), endpoints->second.end());
      }
      if (has_ports_step_) step.after.push_back(step_id(Kind::Ports, plan_.project));
    }
  }

  void remove_volumes() {
    for (const Volume& volume : recorded_.volumes) {
      if (volume.external || kept_volumes_.count(volume.name) != 0) continue;
      if (plan_.step(step_id(Kind::Volume, volume.name)) != nullptr) continue;
      const bool there =
          std::any_of(actual_.volumes.begin(), actual_.volumes.end(),
                      [&](const ActualVolume& known) { return known.name == volume.name; });
      if (!there) continue;
      Step& step = add(Kind::Volume, volume.name, "removal of volumes was asked for");
      step.after = container_steps_;
    }
  }

  const DesiredState& recorded_;
  const ActualState& actual_;
  const DownOptions& options_;
  Plan plan_;
  Teardown teardown_;
  std::set<std::string> devices_;
  std::set<std::string> kept_networks_, kept_volumes_;  // by containers that stay
  std::vector<std::string> container_steps_;
  std::map<std::string, std::vector<std::string>> endpoint_steps_;  // by network
  bool has_ports_step_ = false;
};

}  // namespace

Plan plan_down(const DesiredState& recorded, const ActualState& actual,
               const DownOptions& options) {
  return Downer(recorded, actual, options).run();
}

}  // namespace planner
