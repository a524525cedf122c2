// Fabric: the network as a value. The same type is wished for and read back, so that the
// difference is `==`. Value types only: the planner includes this header and no other of netfab.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.hpp"

namespace netfab {

using base::Cidr;
using base::IpAddress;

enum class Protocol : std::uint8_t { Tcp, Udp };

// One bridge a network. `device` is at most 15 characters ("st-1a2b3c4d"), `label` its ifalias
// (the network's full name). Its nft table (masquerade, isolation) is named `table`.
struct Bridge {
  std::string device;
  std::string label;
  std::string table;
  std::vector<Cidr> addresses;  // the gateway with the subnet's prefix, at most one a family
  bool internal = false;        // nothing leaves, nothing enters
  std::uint32_t mtu = 1500;

  auto operator<=>(const Bridge&) const = default;
};

// One veth pair: the host's end on the bridge, the other end inside a pinned network namespace.
struct Endpoint {
  std::string device;        // host's end, hashed: "sv-1a2b3c4d"
  std::string label;         // ifalias: "project/container/network"
  std::string bridge;        // Bridge::device
  std::string netns;         // path of the pinned namespace
  std::string inner_device;  // "eth0", "eth1", ...
  std::vector<Cidr> addresses;
  std::vector<IpAddress>
      gateways;     // default routes; empty: none (internal, or not the first network)
  std::string mac;  // empty: the kernel's choice

  auto operator<=>(const Endpoint&) const = default;
};

// A port of the host that leads to a container.
struct PublishedPort {
  Protocol protocol = Protocol::Tcp;
  std::optional<IpAddress> host_address;  // none: every address of this family
  std::uint16_t host_port = 0;
  IpAddress target;
  std::uint16_t target_port = 0;

  auto operator<=>(const PublishedPort&) const = default;
};

// An nft table of ours that is there.
struct TableFact {
  std::string name;
  bool intact = false;  // has the rules it was made with
};

// An interface inside a namespace, as it is.
struct InnerLink {
  std::string name, mac;
  bool up = false;
  std::vector<Cidr> addresses;      // sorted; without link-local ones
  std::vector<IpAddress> gateways;  // of default routes, sorted
};

// Whether 127.0.0.11 answers inside a namespace: the redirection to it, and the sockets behind it.
enum class NameService : std::uint8_t { Unknown, There, NoRedirection, NoSocket };

// The inside of a pinned network namespace.
struct Inside {
  bool pinned = false;  // false: the path leads to none, and nothing else is known
  std::vector<InnerLink> links;
  NameService names = NameService::Unknown;
  std::map<std::string, std::string> sysctls;  // those asked for: "net/ipv4/..." → value
};

// A setting that is not as it was made: a sysctl, a limit, a file, a mount.
struct Difference {
  std::string name;           // "net.ipv4.ip_forward"
  std::string wanted, found;  // for people
};

struct Fabric {
  std::vector<Bridge> bridges;
  std::vector<Endpoint> endpoints;
  std::vector<PublishedPort> ports;

  bool operator==(const Fabric&) const = default;
};

}  // namespace netfab
