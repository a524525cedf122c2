// Addresses: which subnet a network gets and which address a container gets on it. Deterministic:
// the same wish in the same world gives the same numbers, and what was given out before is kept
// where it fits. Pure; must not know containers beyond their names.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ip.hpp"
#include "planner/desired.hpp"
#include "planner/problems.hpp"

namespace planner {

// Subnets of one network as decided: the gateway with the subnet's prefix.
struct Subnet {
  base::Cidr range;         // host bits cleared
  base::IpAddress gateway;  // inside it

  [[nodiscard]] base::Cidr interface() const { return {gateway, range.prefix}; }
};

// The v4 pools, in the order they are tried; /24 subnets (larger ones when a network needs them)
// are cut from them: 172.17.0.0/16 to 172.31.0.0/16, 192.168.0.0/16, 10.0.0.0/8.
const std::vector<base::Cidr>& v4_pools();

// The smallest prefix length (at most 24) whose subnet holds `endpoints` addresses besides the
// gateway.
unsigned v4_prefix_for(std::size_t endpoints);

// The first subnet of the pools that overlaps nothing in `avoid`. Default routes (prefix 0 and 1,
// as VPN clients split them) do not count. Nothing when the pools are exhausted.
std::optional<base::Cidr> choose_v4(unsigned prefix, const std::vector<base::Cidr>& avoid);

// A unique local /64 (RFC 4193) from the digits of `tag`, moved on while it overlaps `avoid`.
base::Cidr choose_v6(const std::string& tag, const std::vector<base::Cidr>& avoid);

// Hands out addresses of one subnet: requested ones first, then leased ones, then the lowest free.
class AddressBook {
 public:
  explicit AddressBook(Subnet subnet);
  [[nodiscard]] const Subnet& subnet() const { return subnet_; }
  // Held by somebody whom this stack cannot move.
  void hold(const base::IpAddress& address, const std::string& holder);
  // Was given out before: used for others only when nothing else is left.
  void remember(const base::IpAddress& address);
  // Inside the subnet, and neither its network, broadcast nor gateway address.
  [[nodiscard]] bool usable(const base::IpAddress& address) const;
  [[nodiscard]] std::optional<std::string> holder(const base::IpAddress& address) const;
  // The lowest free one; nothing when the subnet is full.
  [[nodiscard]] std::optional<base::IpAddress> lowest_free();

 private:
  Subnet subnet_;
  std::map<base::IpAddress, std::string> held_;
  std::set<base::IpAddress> remembered_;
  std::uint64_t next_ = 1;
};

// A network of the stack with its addresses decided.
struct PlacedNetwork {
  Network network;
  bool has_gateway = true;         // not internal: may carry a default route
  std::vector<AddressBook> books;  // v4, v6: at most one a family

  [[nodiscard]] AddressBook* book(base::Family family);
};

// By key of the stack file. `needs`: endpoints on each network, by key.
std::map<std::string, PlacedNetwork> place_networks(const spec::Stack& stack, const World& world,
                                                    const KernelNames& names,
                                                    const std::map<std::string, std::size_t>& needs,
                                                    Problems& problems);

}  // namespace planner
