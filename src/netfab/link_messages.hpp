// rtnetlink requests about links, addresses and routes as messages. Pure construction; sends
// nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "netfab/fabric.hpp"
#include "netfab/netlink.hpp"

namespace netfab {

struct LinkChange {
  std::optional<std::string> label;  // ifalias
  std::optional<unsigned> master;    // ifindex
  std::optional<std::uint32_t> mtu;
  std::optional<std::string> mac;
  std::optional<std::uint32_t> group;
  bool up = false;
};

Message new_bridge(const std::string& device);
// `netns`: descriptor of the namespace the peer is born in.
Message new_veth(const std::string& device, const std::string& peer, int netns,
                 const std::string& peer_mac);
Message change_link(const std::string& device, const LinkChange& change);
// No address derived from the MAC, hence no duplicate detection, router solicitation or join.
Message no_ipv6_autoconfiguration(const std::string& device);
// Lets the bridge send a packet back out of the port it came in by: with br_netfilter a container
// that calls its own published port is translated inside the bridge.
Message allow_hairpin(const std::string& device);
Message delete_link(const std::string& device);
Message delete_group(std::uint32_t group);
Message add_address(unsigned index, const Cidr& address);
Message delete_address(unsigned index, const Cidr& address);
Message add_default_route(unsigned index, const IpAddress& gateway);
Message delete_default_route(unsigned index, const IpAddress& gateway);

// fe80:: with the host part of a v6 address of ours: neighbour discovery needs one, and made this
// way it is known without waiting for anything.
Cidr link_local_of(const IpAddress& address);

// 0 when there is no such link in the socket's namespace.
unsigned link_index(const NetlinkSocket& socket, const std::string& device);
// Makes a carrier that has just come count at once. The kernel's link watcher does so a moment
// later, and drops what is sent meanwhile: a first SYN then costs a second. Without effect
// before 6.9.
void settle_link(const NetlinkSocket& socket, const std::string& device);
std::uint32_t link_mtu(const NetlinkSocket& socket, const std::string& device);

}  // namespace netfab
