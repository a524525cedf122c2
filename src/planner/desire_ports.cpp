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

bool is_on(const Container& container, const std::string& network) {
  return std::any_of(container.endpoints.begin(), container.endpoints.end(),
                     [&](const EndpointSpec& endpoint) { return endpoint.network == network; });
}

// The host's port chosen for this one before; 0: none.
std::uint16_t earlier_choice(const Container& container, const netfab::PublishedPort& entry,
                             const World& world) {
  const auto earlier = world.host_ports.find(host_port_key(container, entry));
  return earlier == world.host_ports.end() ? std::uint16_t{0} : earlier->second;
}

void publish_port(const spec::Port& port, const Targets& targets, const World& world,
                  Container& container, std::vector<OpenPort>& open) {
  for (std::uint16_t offset = 0; offset < port.target_count; ++offset) {
    netfab::PublishedPort entry;
    entry.protocol =
        port.protocol == spec::Protocol::Tcp ? netfab::Protocol::Tcp : netfab::Protocol::Udp;
    entry.target_port = static_cast<std::uint16_t>(port.target_first + offset);
    entry.host_address = port.host_address;
    const std::uint16_t earlier = earlier_choice(container, entry, world);
    const bool is_open = spec::is_choice(port);
    if (is_open) open.push_back({&port, earlier, {}});
    entry.host_port = is_open ? std::uint16_t{0}
                      : port.published_first == 0
                          ? earlier
                          : static_cast<std::uint16_t>(port.published_first + offset);
    const auto publish = [&](const IpAddress& target) {
      entry.target = target;
      if (is_open) {
        open.back().entries.push_back(entry);
      } else if (std::find(container.ports.begin(), container.ports.end(), entry) ==
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

// The host's ports of all containers, by protocol and number.
class Given {
 public:
  void add(const netfab::PublishedPort& port) {
    if (port.host_port != 0) at_[{port.protocol, port.host_port}].push_back(port.host_address);
  }
  [[nodiscard]] bool has(const netfab::PublishedPort& port) const {
    const auto at = at_.find({port.protocol, port.host_port});
    return at != at_.end() &&
           std::any_of(at->second.begin(), at->second.end(), [&](const auto& address) {
             return spec::share_ports(address, port.host_address);
           });
  }

 private:
  std::map<std::pair<netfab::Protocol, std::uint16_t>, std::vector<std::optional<IpAddress>>> at_;
};

std::uint16_t keep_earlier(const OpenPort& open, const Given& given) {
  netfab::PublishedPort wish = open.entries.front();
  wish.host_port = open.earlier;
  const bool inside = wish.host_port >= open.line->published_first &&
                      wish.host_port - open.line->published_first < open.line->published_count;
  return inside && !given.has(wish) ? wish.host_port : std::uint16_t{0};
}

std::uint16_t lowest_free(const OpenPort& open, const Given& given, const World& world) {
  netfab::PublishedPort wish = open.entries.front();
  wish.target = {};
  wish.target_port = 0;
  for (unsigned offset = 0; offset < open.line->published_count; ++offset) {
    wish.host_port = static_cast<std::uint16_t>(open.line->published_first + offset);
    if (!given.has(wish) && world.held_ports.count(wish) == 0) return wish.host_port;
  }
  return 0;
}

}  // namespace

void choose_from_intervals(OpenPorts open, const World& world, std::vector<Container>& containers,
                           Problems& problems) {
  if (open.empty()) return;
  Given given;
  for (const Container& container : containers) {
    for (const netfab::PublishedPort& port : container.ports) given.add(port);
  }
  for (const bool anew : {false, true}) {
    for (Container& container : containers) {
      const auto at = open.find(container.name);
      if (at == open.end()) continue;
      for (OpenPort& each : at->second) {
        if (each.entries.empty() || each.entries.front().host_port != 0) continue;
        const std::uint16_t number =
            anew ? lowest_free(each, given, world) : keep_earlier(each, given);
        if (number == 0 && anew) {
          const unsigned last = each.line->published_first + each.line->published_count - 1U;
          problems.add(
              each.line->place,
              base::cat("service \"", container.service, "\": no port of ",
                        each.line->published_first, "-", last, " is free for ", container.name),
              "publish a wider range, or leave the host's port out");
        }
        if (number == 0) continue;
        for (netfab::PublishedPort& entry : each.entries) {
          entry.host_port = number;
          container.ports.push_back(entry);
        }
        given.add(each.entries.front());
      }
    }
  }
}

void publish_ports(const spec::Service& service,
                   const std::map<std::string, PlacedNetwork>& networks, const World& world,
                   Container& container, OpenPorts& open, Problems& problems) {
  if (service.ports.empty()) return;
  const spec::Place place = service.ports.front().place;
  const std::string who = base::cat("service \"", service.name, "\"");
  switch (container.network) {
    case NetworkKind::Host:
    case NetworkKind::None:
      return;  // the loader has said that they have no effect
    case NetworkKind::Container:
      problems.add(place, base::cat(who, " shares the network of ", container.network_container,
                                    ": publish the ports there"));
      return;
    case NetworkKind::Own:
      break;
  }
  const Targets targets = targets_of(container, networks);
  if (!targets.v4 && !targets.v6) {
    // Of an external network only its record tells that it is internal.
    const bool told = std::none_of(networks.begin(), networks.end(), [&](const auto& entry) {
      return entry.second.network.external && is_on(container, entry.second.network.name);
    });
    if (told) return;
    problems.add(place,
                 base::cat(who, " is only on internal networks: its ports cannot be published"),
                 "attach it to a network that is not internal, or remove `ports`");
    return;
  }
  std::vector<OpenPort> its;
  for (const spec::Port& port : service.ports) {
    publish_port(port, targets, world, container, its);
  }
  if (!its.empty()) open.emplace(container.name, std::move(its));
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
