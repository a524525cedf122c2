#include "planner/plan.hpp"

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "planner/codec.hpp"
#include "planner/steps.hpp"

namespace planner {

using base::cat;

void to_json(nlohmann::json& out, const Plan& value) {
  out = codec::put(value);
}
void from_json(const nlohmann::json& in, Plan& value) {
  codec::get(in, value);
}

const Step* Plan::step(const std::string& id) const {
  const auto at =
      std::find_if(steps.begin(), steps.end(), [&](const Step& step) { return step.id == id; });
  return at == steps.end() ? nullptr : &*at;
}

const Container* Plan::container(const std::string& name) const {
  if (const Container* found = desired.container(name)) return found;
  const auto at = std::find_if(removed.begin(), removed.end(),
                               [&](const Container& container) { return container.name == name; });
  return at == removed.end() ? nullptr : &*at;
}

const Network* Plan::network(const std::string& name) const {
  if (const Network* found = desired.network(name)) return found;
  const auto at = std::find_if(removed_networks.begin(), removed_networks.end(),
                               [&](const Network& network) { return network.name == name; });
  return at == removed_networks.end() ? nullptr : &*at;
}

const netfab::Endpoint* Plan::endpoint(const Step& step) const {
  const std::size_t slash = step.target.find('/');
  if (step.kind != Kind::Endpoint || slash == std::string::npos) return nullptr;
  const std::string owner = step.target.substr(0, slash);
  const std::string network = step.target.substr(slash + 1);
  const auto look = [&](const std::vector<Container>& list) -> const netfab::Endpoint* {
    for (const Container& container : list) {
      if (container.name != owner) continue;
      for (const EndpointSpec& endpoint : container.endpoints) {
        if (endpoint.network == network) return &endpoint.link;
      }
    }
    return nullptr;
  };
  if (step.action == Action::Remove) {
    if (const netfab::Endpoint* found = look(removed)) return found;
  }
  return look(desired.containers);
}

std::map<std::string, std::string> basis_facts(const ActualState& actual, const Plan& plan) {
  std::map<std::string, std::string> out;
  const auto fact = [&out](const std::string& what, const std::string& state) {
    out.emplace(what, base::short_hash(state, 16));
  };
  // Other stacks come and go meanwhile: what they are given is not this plan's business.
  std::set<std::string> networks, devices, volumes;
  for (const auto* list : {&plan.desired.networks, &plan.removed_networks}) {
    for (const Network& network : *list) {
      networks.insert(network.name);
      devices.insert(network.bridge.device);
    }
  }
  for (const Volume& volume : plan.desired.volumes) volumes.insert(volume.name);
  for (const netfab::Bridge& bridge : actual.fabric.bridges) {
    if (!devices.contains(bridge.device)) continue;
    std::string state = bridge.label;
    for (const base::Cidr& address : bridge.addresses) state.append(" ").append(address.str());
    fact(cat("bridge ", bridge.device), state);
  }
  for (const netfab::Endpoint& endpoint : actual.fabric.endpoints) {
    fact(cat("interface ", endpoint.device), cat(endpoint.bridge, " ", endpoint.label));
  }
  for (const netfab::PublishedPort& port : actual.fabric.ports) {
    fact(cat("published port ", describe_port(port)), port.host_address ? "at one" : "at all");
  }
  for (const std::string& network : actual.networks) {
    if (networks.contains(network)) fact(cat("network ", network), {});
  }
  for (const ActualVolume& volume : actual.volumes) {
    if (volumes.contains(volume.name)) fact(cat("volume ", volume.name), {});
  }
  for (const ActualContainer& container : actual.containers) {
    // Not the health: it changes by itself, and no step is decided by it.
    fact(cat("container ", container.name),
         cat(static_cast<int>(container.status), " ", container.process.pid, " ",
             container.process.start_time, " ", container.fingerprint));
  }
  return out;
}

std::string basis_of(const ActualState& actual, const Plan& plan) {
  std::string facts = actual.project + "\n";
  for (const auto& [what, state] : basis_facts(actual, plan)) {
    facts.append(what).append(" ").append(state).append("\n");
  }
  return base::short_hash(facts, 16);
}

bool makes_run(Action action) {
  switch (action) {
    case Action::Create:
    case Action::Start:
    case Action::Replace:
    case Action::Restart:
      return true;
    case Action::Prepare:
    case Action::Update:
    case Action::Signal:
    case Action::Pause:
    case Action::Unpause:
    case Action::Stop:
    case Action::Remove:
      break;
  }
  return false;
}

}  // namespace planner
