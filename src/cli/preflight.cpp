#include "cli/preflight.hpp"

#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "cli/ensure_images.hpp"
#include "executor/world.hpp"
#include "netfab/ports.hpp"
#include "planner/pre_start.hpp"
#include "supervisor/client.hpp"

namespace cli {

namespace {

using netfab::PublishedPort;

bool same_host_side(const PublishedPort& a, const PublishedPort& b) {
  return a.protocol == b.protocol && a.host_port == b.host_port &&
         a.host_address == b.host_address && a.target.family == b.target.family;
}

bool holds(const std::vector<PublishedPort>& ports, const PublishedPort& wanted) {
  return std::any_of(ports.begin(), ports.end(),
                     [&](const PublishedPort& each) { return same_host_side(each, wanted); });
}

// To this very target.
bool is_among(const std::vector<PublishedPort>& ports, const PublishedPort& wanted) {
  return std::find(ports.begin(), ports.end(), wanted) != ports.end();
}

void choose_host_ports(planner::DesiredState& desired) {
  std::set<std::pair<netfab::Protocol, std::uint16_t>> chosen;
  for (const auto& container : desired.containers) {
    for (const auto& port : container.ports) chosen.emplace(port.protocol, port.host_port);
  }
  for (const planner::UnassignedPort& open : planner::unassigned_ports(desired)) {
    if (open.entries.empty()) continue;
    const PublishedPort& first = *open.entries.front();
    std::uint16_t number = 0;
    for (int attempt = 0; attempt < 100; ++attempt) {
      number = netfab::free_port(first.protocol, first.host_address);
      if (chosen.emplace(first.protocol, number).second) break;
      number = 0;
    }
    if (number == 0)
      throw base::Error("no free port of the host could be found", "free some, or name one");
    for (PublishedPort* entry : open.entries) entry->host_port = number;
  }
}

// The supervisor answers at [::1] itself, and goes on doing so when somebody flushes the firewall:
// a port of this stack that our own process holds is no conflict.
bool is_own_relay(const std::string& holder, bool was_ours) {
  return was_ours &&
         holder.find(std::string(supervisor::kSupervisorName).substr(0, 15)) != std::string::npos;
}

// What was brought up of services that no profile selects now (`up SERVICE` selects by name) stays
// as it is, with its networks and volumes: neither an orphan nor scaled down. Returns its names.
std::vector<std::string> keep_inactive(const spec::Loaded& loaded,
                                       const planner::DesiredState& recorded,
                                       planner::DesiredState& desired) {
  std::vector<std::string> kept;
  std::set<std::string> networks, volumes;
  for (const planner::Container& container : recorded.containers) {
    if (!loaded.inactive.contains(container.service)) continue;
    for (const auto& endpoint : container.endpoints) networks.insert(endpoint.network);
    for (const auto& mount : container.mounts) {
      if (mount.type == spec::MountType::Volume) volumes.insert(mount.source);
    }
    kept.push_back(container.name);
    if (std::find(desired.services.begin(), desired.services.end(), container.service) ==
        desired.services.end()) {
      desired.services.push_back(container.service);
    }
    desired.containers.push_back(container);
  }
  for (const planner::Network& network : recorded.networks) {
    if (networks.contains(network.name) && desired.network(network.name) == nullptr) {
      desired.networks.push_back(network);
    }
  }
  for (const planner::Volume& volume : recorded.volumes) {
    if (volumes.contains(volume.name) && desired.volume(volume.name) == nullptr) {
      desired.volumes.push_back(volume);
    }
  }
  return kept;
}

}  // namespace

const spec::Port* origin_of(const PublishedPort& port, const spec::Service& service) {
  const spec::Port* nearest = nullptr;
  for (const spec::Port& each : service.ports) {
    const bool tcp = each.protocol == spec::Protocol::Tcp;
    if (tcp != (port.protocol == netfab::Protocol::Tcp)) continue;
    if (port.target_port < each.target_first ||
        port.target_port >= each.target_first + std::max<unsigned>(each.target_count, 1)) {
      continue;
    }
    if (nearest == nullptr) nearest = &each;
    const unsigned count = std::max<unsigned>(each.published_count, 1);
    if (each.host_address == port.host_address && port.host_port >= each.published_first &&
        port.host_port < each.published_first + count) {
      return &each;
    }
  }
  return nearest;
}

namespace {

// A one-off may take the port of its service where that does not run: whether it does is seen
// later, so that the two are not wished for at once here.
planner::DesiredState desire_beside(const spec::Stack& stack, const planner::World& world,
                                    const executor::Names& names,
                                    const planner::OneOffOptions& one_off) {
  const std::string key = planner::one_off_key(one_off.service);
  spec::Stack alone = stack, others = stack;
  for (auto& [name, service] : alone.services) {
    if (name != key) service.ports.clear();
  }
  others.services.at(key).ports.clear();
  planner::DesiredState out = planner::desire(others, world, names);
  const planner::DesiredState its = planner::desire(alone, world, names);
  for (planner::Container& each : out.containers) {
    if (each.name == one_off.name) each.ports = its.container(one_off.name)->ports;
  }
  return out;
}

}  // namespace

Planned make_plan(const PlanRequest& request, std::unique_ptr<executor::StackLook> look) {
  const auto& [loaded, paths, options, one_off] = request;
  if (!look || !look->serves(paths.project)) {
    look = std::make_unique<executor::StackLook>(paths);
  }
  Planned out;
  out.recorded = look->take_intent();
  const planner::DesiredState* recorded = out.recorded ? &*out.recorded : nullptr;
  // An image that only a service nobody asked for has need not be here.
  std::vector<std::string> wanted = options.services;
  if (one_off != nullptr) wanted = {planner::one_off_key(one_off->service)};
  const std::vector<std::string> services = wanted.empty() ? wanted
                                            : options.no_deps
                                                ? planner::with_steps(loaded.stack, wanted)
                                                : with_dependencies(loaded.stack, wanted);
  const planner::World world = executor::gather_world({.stack = loaded.stack,
                                                       .paths = paths,
                                                       .recorded = recorded,
                                                       .services = services,
                                                       .routes = look->take_routes(),
                                                       .beside_stack = one_off != nullptr});
  out.desired = one_off == nullptr
                    ? planner::desire(loaded.stack, world, executor::Names(paths))
                    : desire_beside(loaded.stack, world, executor::Names(paths), *one_off);
  if (one_off != nullptr) planner::mark_one_off(out.desired, *one_off);
  planner::mark_steps(out.desired);
  choose_host_ports(out.desired);
  out.actual = look->take_actual();
  if (look->is_torn()) return make_plan(request);
  if (recorded != nullptr) planner::keep_one_offs(out.desired, *recorded, out.actual);
  look->look_again(out.actual, out.desired);
  planner::DiffOptions with_record = options;
  with_record.recorded = recorded;
  if (recorded != nullptr) {
    for (std::string& name : keep_inactive(loaded, *recorded, out.desired)) {
      with_record.leave.push_back(std::move(name));
    }
  }
  out.plan = planner::diff(out.desired, out.actual, with_record);
  return out;
}

namespace {

// Two of the stack itself: one that the plan leaves alone may have what another one asks for.
const planner::Container* holder_in_plan(const PublishedPort& port, const planner::Container& owner,
                                         const Planned& planned) {
  for (const planner::Container& other : planned.plan.desired.containers) {
    if (other.name == owner.name) continue;
    for (const PublishedPort& theirs : other.ports) {
      const bool same_address =
          !port.host_address || !theirs.host_address || *port.host_address == *theirs.host_address;
      if (port.protocol == theirs.protocol && port.host_port == theirs.host_port &&
          port.target.family == theirs.target.family && same_address &&
          is_among(planned.plan.ports, theirs)) {
        return &other;
      }
    }
  }
  return nullptr;
}

struct Conflicts {
  const spec::Loaded& loaded;
  std::vector<spec::Diagnostic> found;

  void add(const PublishedPort& port, const planner::Container& owner, std::string text,
           std::string hint) {
    spec::Diagnostic conflict;
    const auto service = loaded.stack.services.find(owner.service);
    const spec::Port* origin =
        service == loaded.stack.services.end() ? nullptr : origin_of(port, service->second);
    if (origin != nullptr) conflict.place = origin->place;
    conflict.text = std::move(text);
    conflict.hint = std::move(hint);
    // v4 and v6 of one port are one conflict to a person.
    const bool told = std::any_of(found.begin(), found.end(), [&](const auto& each) {
      return each.place == conflict.place && each.text == conflict.text;
    });
    if (!told) found.push_back(std::move(conflict));
  }
};

}  // namespace

void check_ports(const spec::Loaded& loaded, const base::ProjectPaths& paths,
                 const Planned& planned) {
  std::vector<PublishedPort> wanted;
  std::vector<const planner::Container*> owners;
  Conflicts conflicts{loaded, {}};
  for (const planner::Container& container : planned.plan.desired.containers) {
    for (const PublishedPort& port : container.ports) {
      if (is_among(planned.actual.fabric.ports, port) || !is_among(planned.plan.ports, port)) {
        continue;
      }
      if (const planner::Container* other = holder_in_plan(port, container, planned)) {
        const auto& orphans = planned.plan.orphans;
        const bool orphan = std::find(orphans.begin(), orphans.end(), other->name) != orphans.end();
        conflicts.add(port, container,
                      base::cat("port ", port.host_port, " is published by ", other->name),
                      orphan ? "--remove-orphans removes it"
                             : base::cat("stop it, or publish another port",
                                         container.oneoff ? " with -p" : ""));
        continue;
      }
      if (holds(planned.actual.fabric.ports, port)) continue;
      wanted.push_back(port);
      owners.push_back(&container);
    }
  }
  const auto& before = planned.recorded;
  for (const auto& [index, holder] : netfab::port_holders(wanted, paths.ports_table)) {
    const PublishedPort& port = wanted[index];
    const planner::Container& owner = *owners[index];
    const planner::Container* recorded = before ? before->container(owner.name) : nullptr;
    if (is_own_relay(holder, recorded != nullptr && holds(recorded->ports, port))) continue;
    conflicts.add(
        port, owner,
        base::cat("port ", port.host_port, "/",
                  port.protocol == netfab::Protocol::Tcp ? "tcp" : "udp", " is taken by ", holder),
        base::cat("stop it, or publish another port of service ", owner.service));
  }
  if (conflicts.found.empty()) return;
  std::sort(conflicts.found.begin(), conflicts.found.end(),
            [](const auto& a, const auto& b) { return a.place < b.place; });
  throw spec::SpecError(std::move(conflicts.found), loaded.sources);
}

void check_obstacles(const spec::Loaded& loaded, const base::ProjectPaths& paths,
                     const Planned& planned) {
  if (planned.plan.empty()) return;
  check_ports(loaded, paths, planned);
  for (const base::Family family : {base::Family::V4, base::Family::V6}) {
    const bool forwards = std::any_of(
        planned.desired.networks.begin(), planned.desired.networks.end(),
        [family](const auto& network) {
          const auto& addresses = network.bridge.addresses;
          return !network.bridge.internal &&
                 std::any_of(addresses.begin(), addresses.end(), [family](const base::Cidr& cidr) {
                   return cidr.address.family == family;
                 });
        });
    if (!forwards) continue;
    if (const auto drop = netfab::forward_drop(family)) {
      throw base::Error(
          base::cat("the firewall would drop what containers send and receive: table ", drop->table,
                    ", chain ", drop->chain, " has policy drop"),
          drop->remedy);
    }
  }
}

}  // namespace cli
