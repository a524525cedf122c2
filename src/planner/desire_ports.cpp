#include "planner/desire_ports.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace planner {

using base::Family;
using base::IpAddress;

namespace {

const char* protocol_name(netfab::Protocol protocol) {
  return protocol == netfab::Protocol::Tcp ? "tcp" : "udp";
}

// Addresses that published ports lead to: of the endpoint that carries the default route, so that
// answers find their way back; any other network that is not internal serves where it has none.
struct Targets {
  std::optional<IpAddress> v4, v6;
};

Targets targets_of(const Container& container,
                   const std::map<std::string, PlacedNetwork>& networks) {
  Targets out;
  for (const bool with_default_route : {true, false}) {
    for (const EndpointSpec& endpoint : container.endpoints) {
      const bool open = std::any_of(networks.begin(), networks.end(), [&](const auto& entry) {
        return entry.second.network.name == endpoint.network && entry.second.has_gateway;
      });
      if (!open || (with_default_route && endpoint.link.gateways.empty())) continue;
      for (const base::Cidr& address : endpoint.link.addresses) {
        auto& slot = address.address.is_v4() ? out.v4 : out.v6;
        if (!slot) slot = address.address;
      }
    }
  }
  return out;
}

std::uint16_t choose_host_port(const spec::Port& port, std::uint16_t offset,
                               const Container& container, const netfab::PublishedPort& entry,
                               const World& world, Problems& problems) {
  const auto earlier = world.host_ports.find(host_port_key(container, entry));
  if (port.published_first == 0) {
    return earlier == world.host_ports.end() ? std::uint16_t{0} : earlier->second;
  }
  if (port.published_count <= 1 || port.target_count != 1) {
    return static_cast<std::uint16_t>(port.published_first + offset);
  }
  // One port out of an interval: the replica's own, so that replicas never meet.
  if (container.index > port.published_count) {
    problems.add(port.place,
                 base::cat("service \"", container.service, "\": ports ", port.published_first, "-",
                           port.published_first + port.published_count - 1,
                           " are not enough for replica ", container.index),
                 "publish a wider range, or leave the host's port out");
    return 0;
  }
  return static_cast<std::uint16_t>(port.published_first + container.index - 1);
}

void publish_port(const spec::Port& port, const Targets& targets, const World& world,
                  Container& container, Problems& problems) {
  for (std::uint16_t offset = 0; offset < port.target_count; ++offset) {
    netfab::PublishedPort entry;
    entry.protocol =
        port.protocol == spec::Protocol::Tcp ? netfab::Protocol::Tcp : netfab::Protocol::Udp;
    entry.target_port = static_cast<std::uint16_t>(port.target_first + offset);
    entry.host_address = port.host_address;
    entry.host_port = choose_host_port(port, offset, container, entry, world, problems);
    const auto publish = [&](const IpAddress& target) {
      entry.target = target;
      if (std::find(container.ports.begin(), container.ports.end(), entry) ==
          container.ports.end()) {
        container.ports.push_back(entry);
      }
    };
    if (port.host_address) {
      const auto& same = port.host_address->is_v4() ? targets.v4 : targets.v6;
      const auto& other = port.host_address->is_v4() ? targets.v6 : targets.v4;
      // Another family than the container's: carried by the relay, not by the kernel's translation.
      if (same || other) publish(same ? *same : *other);
      continue;
    }
    if (targets.v4) publish(*targets.v4);
    if (targets.v6) publish(*targets.v6);
  }
}

}  // namespace

void publish_ports(const spec::Service& service,
                   const std::map<std::string, PlacedNetwork>& networks, const World& world,
                   Container& container, Problems& problems) {
  if (service.ports.empty()) return;
  const spec::Place place = service.ports.front().place;
  const std::string who = base::cat("service \"", service.name, "\"");
  switch (container.network) {
    case NetworkKind::Host:
      // Already reachable at its own number; another number would need a translation that there is
      // not.
      for (const spec::Port& port : service.ports) {
        if (port.published_first != 0 && port.published_first != port.target_first) {
          problems.add(port.place,
                       base::cat(who, " uses the host's network: port ", port.target_first,
                                 " cannot be published as ", port.published_first),
                       "remove `ports`, or let the service use a network of the stack");
        }
      }
      return;
    case NetworkKind::None:
      problems.add(place, base::cat(who, " has no network: its ports cannot be published"),
                   "remove `ports`, or `network_mode: none`");
      return;
    case NetworkKind::Container:
      problems.add(place, base::cat(who, " shares the network of ", container.network_container,
                                    ": publish the ports there"));
      return;
    case NetworkKind::Own:
      break;
  }
  const Targets targets = targets_of(container, networks);
  if (!targets.v4 && !targets.v6) {
    problems.add(place,
                 base::cat(who, " is only on internal networks: its ports cannot be published"),
                 "attach it to a network that is not internal, or remove `ports`");
    return;
  }
  for (const spec::Port& port : service.ports) {
    publish_port(port, targets, world, container, problems);
  }
}

void check_port_conflicts(const spec::Stack& stack, const std::vector<Container>& containers,
                          Problems& problems) {
  struct Taken {
    netfab::PublishedPort port;
    const Container* by;
  };
  std::map<std::pair<netfab::Protocol, std::uint16_t>, std::vector<Taken>> seen;
  std::string told;  // one diagnostic a pair of containers, not one a port and family
  for (const Container& container : containers) {
    for (const netfab::PublishedPort& port : container.ports) {
      if (port.host_port == 0) continue;
      auto& others = seen[{port.protocol, port.host_port}];
      for (const Taken& other : others) {
        const bool same_family = port.host_address && other.port.host_address
                                     ? port.host_address == other.port.host_address
                                     : port.target.family == other.port.target.family;
        const std::string pair = base::cat(other.by->name, " and ", container.name);
        if (!same_family || pair == told) continue;
        told = pair;
        spec::Place place;
        if (const auto service = stack.services.find(container.service);
            service != stack.services.end()) {
          place = service->second.place;
          for (const spec::Port& line : service->second.ports) {
            if (port.host_port >= line.published_first &&
                port.host_port < line.published_first + std::max<int>(line.published_count, 1)) {
              place = line.place;
            }
          }
        }
        problems.add(place,
                     base::cat("service \"", container.service, "\": port ", port.host_port, "/",
                               protocol_name(port.protocol), " is published twice, by ", pair),
                     other.by->service == container.service
                         ? base::cat("give each replica its own: publish a range such as ",
                                     port.host_port, "-", port.host_port + 3, ":", port.target_port,
                                     ", or leave the host's port out")
                         : "publish one of them at another port");
      }
      others.push_back({port, &container});
    }
  }
}

}  // namespace planner
