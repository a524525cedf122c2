#include "netfab/link_messages.hpp"

#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cstdio>
#include <cstring>

#include "base/text.hpp"

namespace netfab {

namespace {

ifinfomsg link_header() {
  ifinfomsg out{};
  out.ifi_family = AF_UNSPEC;
  return out;
}

int family_of(const IpAddress& address) {
  return address.is_v4() ? AF_INET : AF_INET6;
}

void put_mac(Message& message, const std::string& text) {
  std::array<unsigned, 6> parts{};
  std::array<std::uint8_t, 6> mac{};
  char rest = 0;
  if (std::sscanf(text.c_str(), "%2x:%2x:%2x:%2x:%2x:%2x%c", &parts[0], &parts[1], &parts[2],
                  &parts[3], &parts[4], &parts[5], &rest) != 6) {
    throw base::Error(base::cat("'", text, "' is not a MAC address"),
                      "write it as 02:42:ac:11:00:02");
  }
  for (std::size_t i = 0; i < mac.size(); ++i) mac[i] = static_cast<std::uint8_t>(parts[i]);
  message.put(IFLA_ADDRESS, mac.data(), mac.size());
}

Message address_message(int type, int flags, unsigned index, const Cidr& address) {
  Message out(type, flags, 256);
  ifaddrmsg header{};
  header.ifa_family = static_cast<std::uint8_t>(family_of(address.address));
  header.ifa_prefixlen = static_cast<std::uint8_t>(address.prefix);
  // Without duplicate detection a v6 address works at once.
  if (!address.address.is_v4()) header.ifa_flags = IFA_F_NODAD;
  header.ifa_index = index;
  const bool link_local = !address.address.is_v4() && address.address.bytes[0] == 0xfe &&
                          (address.address.bytes[1] & 0xc0U) == 0x80;
  header.ifa_scope = link_local ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  out.header(header);
  out.put_address(IFA_LOCAL, address.address);
  out.put_address(IFA_ADDRESS, address.address);
  return out;
}

Message default_route(int type, int flags, unsigned index, const IpAddress& gateway) {
  Message out(type, flags, 256);
  rtmsg header{};
  header.rtm_family = static_cast<std::uint8_t>(family_of(gateway));
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = RTPROT_STATIC;
  header.rtm_scope = RT_SCOPE_UNIVERSE;
  header.rtm_type = RTN_UNICAST;
  out.header(header);
  out.put_address(RTA_GATEWAY, gateway);
  out.put_u32(RTA_OIF, index);
  return out;
}

ifreq request_for(const std::string& device) {
  ifreq out{};
  device.copy(out.ifr_name, sizeof out.ifr_name - 1);
  return out;
}

}  // namespace

Message new_bridge(const std::string& device) {
  Message out(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 512);
  out.header(link_header());
  out.put_text(IFLA_IFNAME, device);
  // A bridge without an address of its own takes the lowest of its ports' and changes it as they
  // come and go, which costs the containers their neighbour entries.
  const std::string digits = base::short_hash(device, 10);
  std::string mac = "02";
  for (std::size_t i = 0; i + 2 <= digits.size(); i += 2)
    mac += base::cat(":", digits.substr(i, 2));
  put_mac(out, mac);
  out.nest(IFLA_LINKINFO, [&] { out.put_text(IFLA_INFO_KIND, "bridge"); });
  return out;
}

Message new_veth(const std::string& device, const std::string& peer, int netns,
                 const std::string& peer_mac) {
  Message out(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 512);
  out.header(link_header());
  out.put_text(IFLA_IFNAME, device);
  out.nest(IFLA_LINKINFO, [&] {
    out.put_text(IFLA_INFO_KIND, "veth");
    out.nest(IFLA_INFO_DATA, [&] {
      out.nest(VETH_INFO_PEER, [&] {
        out.header(link_header());
        out.put_text(IFLA_IFNAME, peer);
        out.put_u32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(netns));
        if (!peer_mac.empty()) put_mac(out, peer_mac);
      });
    });
  });
  return out;
}

Message change_link(const std::string& device, const LinkChange& change) {
  Message out(RTM_SETLINK, 0, 1024);
  ifinfomsg header = link_header();
  if (change.up) {
    header.ifi_flags = IFF_UP;
    header.ifi_change = IFF_UP;
  }
  out.header(header);
  out.put_text(IFLA_IFNAME, device);
  // The kernel takes at most 255 characters (IFALIASZ).
  if (change.label)
    out.put(IFLA_IFALIAS, change.label->data(), std::min<std::size_t>(change.label->size(), 255));
  if (change.mtu) out.put_u32(IFLA_MTU, *change.mtu);
  if (change.mac) put_mac(out, *change.mac);
  if (change.group) out.put_u32(IFLA_GROUP, *change.group);
  if (change.master) out.put_u32(IFLA_MASTER, *change.master);
  return out;
}

Message no_ipv6_autoconfiguration(const std::string& device) {
  Message out(RTM_SETLINK, 0, 256);
  out.header(link_header());
  out.put_text(IFLA_IFNAME, device);
  out.nest(IFLA_AF_SPEC, [&] {
    out.nest(AF_INET6, [&] { out.put_u8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE); });
  });
  return out;
}

Message allow_hairpin(const std::string& device) {
  Message out(RTM_NEWLINK, 0, 256);  // RTM_SETLINK does not look at a port's data
  out.header(link_header());
  out.put_text(IFLA_IFNAME, device);
  out.nest(IFLA_LINKINFO, [&] {
    out.put_text(IFLA_INFO_SLAVE_KIND, "bridge");
    out.nest(IFLA_INFO_SLAVE_DATA, [&] { out.put_u8(IFLA_BRPORT_MODE, 1); });
  });
  return out;
}

Message delete_link(const std::string& device) {
  Message out(RTM_DELLINK, 0, 128);
  out.header(link_header());
  out.put_text(IFLA_IFNAME, device);
  return out;
}

Message delete_group(std::uint32_t group) {
  Message out(RTM_DELLINK, 0, 128);
  out.header(link_header());
  out.put_u32(IFLA_GROUP, group);
  return out;
}

Message add_address(unsigned index, const Cidr& address) {
  Message out = address_message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, index, address);
  if (address.address.is_v4() && address.prefix < 31) {
    const std::uint32_t host_bits = 0xffffffffU >> address.prefix;
    out.put_address(IFA_BROADCAST, IpAddress::from_v4(address.address.v4() | host_bits));
  }
  return out;
}

Message delete_address(unsigned index, const Cidr& address) {
  return address_message(RTM_DELADDR, 0, index, address);
}

Message add_default_route(unsigned index, const IpAddress& gateway) {
  return default_route(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, index, gateway);
}

Message delete_default_route(unsigned index, const IpAddress& gateway) {
  return default_route(RTM_DELROUTE, 0, index, gateway);
}

Cidr link_local_of(const IpAddress& address) {
  Cidr out{address, 64};
  std::memset(out.address.bytes.data(), 0, 8);
  out.address.bytes[0] = 0xfe;
  out.address.bytes[1] = 0x80;
  return out;
}

unsigned link_index(const NetlinkSocket& socket, const std::string& device) {
  ifreq request = request_for(device);
  if (::ioctl(socket.fd(), SIOCGIFINDEX, &request) < 0) return 0;
  return static_cast<unsigned>(request.ifr_ifindex);
}

void settle_link(const NetlinkSocket& socket, const std::string& device) {
  ethtool_value value{};
  value.cmd = ETHTOOL_GLINK;
  ifreq request = request_for(device);
  request.ifr_data = reinterpret_cast<char*>(&value);
  (void)::ioctl(socket.fd(), SIOCETHTOOL, &request);
}

std::uint32_t link_mtu(const NetlinkSocket& socket, const std::string& device) {
  ifreq request = request_for(device);
  if (::ioctl(socket.fd(), SIOCGIFMTU, &request) < 0) return 1500;
  return static_cast<std::uint32_t>(request.ifr_mtu);
}

}  // namespace netfab
