// Reading links, addresses and default routes of one network namespace back, in one dump each.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "netfab/fabric.hpp"
#include "netfab/netlink.hpp"

namespace netfab {

struct LinkFacts {
  unsigned index = 0;
  unsigned master = 0;
  unsigned peer = 0;  // IFLA_LINK: the other end of a veth pair
  bool up = false;
  std::uint32_t mtu = 0;
  std::string name, label, kind, mac;
  std::vector<Cidr> addresses;      // sorted; without link-local ones
  std::vector<IpAddress> gateways;  // of default routes, sorted
};

struct DumpParts {
  bool addresses = true;
  bool routes = true;
};
// By ifindex, the namespace being the socket's.
std::map<unsigned, LinkFacts> dump_links(NetlinkSocket& socket, DumpParts parts = {});
// Of an RTM_NEWADDR; nothing for one of link scope, which is nobody's choice.
std::optional<Cidr> address_of(const nlmsghdr& message);
LinkFacts dump_link(NetlinkSocket& socket, unsigned index);

}  // namespace netfab
