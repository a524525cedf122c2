#include "netfab/link_dump.hpp"

#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdio>

namespace netfab {

namespace {

std::string mac_text(const nlattr* data) {
  if (data == nullptr || nla_len(data) != 6) return {};
  const auto* b = static_cast<const std::uint8_t*>(nla_data(data));
  std::array<char, 18> out{};
  (void)std::snprintf(out.data(), out.size(), "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2],
                      b[3], b[4], b[5]);
  return out.data();
}

LinkFacts facts_of(const nlmsghdr& message) {
  const auto& header = header_of<ifinfomsg>(message);
  const Attributes attributes(message, sizeof header);
  LinkFacts out;
  out.index = static_cast<unsigned>(header.ifi_index);
  out.up = (header.ifi_flags & IFF_UP) != 0;
  out.master = attributes.u32(IFLA_MASTER);
  out.peer = attributes.u32(IFLA_LINK);
  out.mtu = attributes.u32(IFLA_MTU);
  out.name = attributes.text(IFLA_IFNAME);
  out.label = attributes.text(IFLA_IFALIAS);
  out.mac = mac_text(attributes[IFLA_ADDRESS]);
  const Attributes info(attributes[IFLA_LINKINFO]);
  out.kind = info.text(IFLA_INFO_KIND);
  return out;
}

void add_addresses(NetlinkSocket& socket, std::map<unsigned, LinkFacts>& links) {
  Message request(RTM_GETADDR, 0, 128);
  request.header(ifaddrmsg{});
  socket.dump(std::move(request), "list addresses", [&](const nlmsghdr& message) {
    const auto& header = header_of<ifaddrmsg>(message);
    const auto at = links.find(header.ifa_index);
    if (at == links.end()) return;
    if (const auto address = address_of(message)) at->second.addresses.push_back(*address);
  });
}

void add_gateways(NetlinkSocket& socket, std::map<unsigned, LinkFacts>& links) {
  Message request(RTM_GETROUTE, 0, 128);
  request.header(rtmsg{});
  socket.dump(std::move(request), "list routes", [&](const nlmsghdr& message) {
    const auto& header = header_of<rtmsg>(message);
    if (header.rtm_dst_len != 0 || header.rtm_type != RTN_UNICAST) return;
    const Attributes attributes(message, sizeof header);
    const auto at = links.find(attributes.u32(RTA_OIF));
    const auto gateway = attributes.address(RTA_GATEWAY);
    if (at != links.end() && gateway) at->second.gateways.push_back(*gateway);
  });
}

}  // namespace

std::map<unsigned, LinkFacts> dump_links(NetlinkSocket& socket, DumpParts parts) {
  std::map<unsigned, LinkFacts> out;
  Message request(RTM_GETLINK, 0, 128);
  request.header(ifinfomsg{});
  request.put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  socket.dump(std::move(request), "list links", [&](const nlmsghdr& message) {
    if (message.nlmsg_type != RTM_NEWLINK) return;
    LinkFacts facts = facts_of(message);
    out[facts.index] = std::move(facts);
  });
  if (parts.addresses) add_addresses(socket, out);
  if (parts.routes) add_gateways(socket, out);
  for (auto& entry : out) {
    std::sort(entry.second.addresses.begin(), entry.second.addresses.end());
    std::sort(entry.second.gateways.begin(), entry.second.gateways.end());
  }
  return out;
}

std::optional<Cidr> address_of(const nlmsghdr& message) {
  const auto& header = header_of<ifaddrmsg>(message);
  if (header.ifa_scope == RT_SCOPE_LINK) return {};
  const Attributes attributes(message, sizeof header);
  auto address = attributes.address(IFA_LOCAL);
  if (!address) address = attributes.address(IFA_ADDRESS);
  if (!address) return {};
  return Cidr{*address, header.ifa_prefixlen};
}

LinkFacts dump_link(NetlinkSocket& socket, unsigned index) {
  auto all = dump_links(socket);
  return all[index];
}

}  // namespace netfab
