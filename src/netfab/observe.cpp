#include <linux/rtnetlink.h>

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "netfab/link_dump.hpp"
#include "netfab/links.hpp"
#include "netfab/netns.hpp"
#include "netfab/nft.hpp"

namespace netfab {

ObservedLinks observe_links() {
  NetlinkSocket& socket = NetlinkSocket::current(NETLINK_ROUTE);
  const auto links = dump_links(socket, {.addresses = true, .routes = false});
  ObservedLinks out;
  for (const auto& entry : links) {
    const LinkFacts& link = entry.second;
    if (link.kind == "bridge" && base::starts_with(link.name, "st-")) {
      Bridge bridge;
      bridge.device = link.name;
      bridge.label = link.label;
      // One that is down carries nothing.
      if (link.up) bridge.addresses = link.addresses;
      if (!link.up) out.down.push_back(link.name);
      bridge.mtu = link.mtu;
      out.bridges.push_back(std::move(bridge));
    } else if (link.kind == "veth" && base::starts_with(link.name, "sv-")) {
      Endpoint endpoint;
      endpoint.device = link.name;
      endpoint.label = link.label;
      if (!link.up) out.down.push_back(link.name);
      const auto master = links.find(link.master);
      if (link.up && link.master != 0 && master != links.end())
        endpoint.bridge = master->second.name;
      out.endpoints.push_back(std::move(endpoint));
    }
  }
  for (nft::Table& table : nft::own_tables()) {
    if (table.intact && !table.note.device.empty()) {
      for (Bridge& bridge : out.bridges) {
        if (bridge.device != table.note.device) continue;
        bridge.table = table.name;
        bridge.internal = table.note.internal;
      }
    }
    out.tables.push_back({std::move(table.name), table.intact});
  }
  std::sort(out.bridges.begin(), out.bridges.end());
  std::sort(out.endpoints.begin(), out.endpoints.end());
  return out;
}

std::vector<Endpoint> observe_netns(const std::string& path) {
  std::vector<Endpoint> out;
  in_netns(open_netns(path), [&] {
    NetlinkSocket socket(NETLINK_ROUTE);
    for (auto& entry : dump_links(socket)) {
      LinkFacts& link = entry.second;
      if (link.name == "lo") continue;
      Endpoint endpoint;
      endpoint.netns = path;
      endpoint.inner_device = link.name;
      if (link.up) endpoint.addresses = std::move(link.addresses);
      endpoint.gateways = std::move(link.gateways);
      endpoint.mac = link.mac;
      out.push_back(std::move(endpoint));
    }
  });
  std::sort(out.begin(), out.end(),
            [](const Endpoint& a, const Endpoint& b) { return a.inner_device < b.inner_device; });
  return out;
}

std::vector<Cidr> host_routes() {
  std::set<Cidr> found;
  const auto add = [&found](const Cidr& cidr) {
    // A default route covers everything and says nothing about what is in use; multicast and
    // link-local are never pools.
    if (cidr.prefix == 0) return;
    const auto& bytes = cidr.address.bytes;
    if (!cidr.address.is_v4() && (bytes[0] == 0xff || (bytes[0] == 0xfe && bytes[1] >= 0x80)))
      return;
    found.insert(cidr.network());
  };
  NetlinkSocket& socket = NetlinkSocket::current(NETLINK_ROUTE);
  Message routes(RTM_GETROUTE, 0, 128);
  routes.header(rtmsg{});
  socket.dump(std::move(routes), "list routes", [&](const nlmsghdr& message) {
    const auto& header = header_of<rtmsg>(message);
    const Attributes attributes(message, sizeof header);
    if (const auto target = attributes.address(RTA_DST)) add({*target, header.rtm_dst_len});
  });
  // An interface that is down has addresses without routes.
  Message addresses(RTM_GETADDR, 0, 128);
  addresses.header(ifaddrmsg{});
  socket.dump(std::move(addresses), "list addresses", [&](const nlmsghdr& message) {
    if (const auto address = address_of(message)) add(*address);
  });
  return {found.begin(), found.end()};
}

}  // namespace netfab
