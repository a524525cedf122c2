#include "netfab/links.hpp"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "netfab/isolation.hpp"
#include "netfab/link_dump.hpp"
#include "netfab/link_messages.hpp"
#include "netfab/netns.hpp"
#include "netfab/nft.hpp"
#include "netfab/sysctl.hpp"

namespace netfab {

namespace {

constexpr std::uint32_t kUsualMtu = 1500;

bool has_v6(const std::vector<Cidr>& addresses) {
  return std::any_of(addresses.begin(), addresses.end(),
                     [](const Cidr& a) { return !a.address.is_v4(); });
}

[[noreturn]] void fail(const Answer& answer, std::string_view call, const std::string& object,
                       std::string hint = {}) {
  throw NetlinkError(answer.errnum, call, object, answer.text, std::move(hint));
}

void check(const Answer& answer, std::string_view call, const std::string& object,
           std::initializer_list<int> accepted = {}) {
  if (answer.errnum == 0) return;
  if (std::find(accepted.begin(), accepted.end(), answer.errnum) != accepted.end()) return;
  fail(answer, call, object);
}

void check_address(const Answer& answer, const Cidr& address, const std::string& object) {
  if (answer.errnum == 0 || answer.errnum == EEXIST) return;
  std::string hint;
  if (!address.address.is_v4() &&
      (answer.errnum == EACCES || answer.errnum == EAFNOSUPPORT || answer.errnum == EOPNOTSUPP)) {
    hint = "IPv6 is switched off on this machine; leave out enable_ipv6";
  }
  fail(answer, base::cat("add address ", address.str(), " to"), object, hint);
}

void enable_forwarding(const Bridge& bridge) {
  set_sysctl("net/ipv4/ip_forward", "1");
  if (!has_v6(bridge.addresses) || sysctl("net/ipv6/conf/all/forwarding") == "1") return;
  // A machine that forwards ignores router advertisements unless told otherwise (2): it would lose
  // its own default route.
  for (const std::string& device : base::list_dir("/proc/sys/net/ipv6/conf")) {
    const std::string name = base::cat("net/ipv6/conf/", device, "/accept_ra");
    if (device != "all" && device != "lo" && sysctl(name) == "1") set_sysctl(name, "2");
  }
  set_sysctl("net/ipv6/conf/all/forwarding", "1");
}

// Link-local ones are ours to add and never part of a wish.
bool is_link_local(const IpAddress& address) {
  return !address.is_v4() && address.bytes[0] == 0xfe && (address.bytes[1] & 0xc0U) == 0x80;
}

// Requests that turn the addresses there are into those wished for; `now` may be empty.
std::vector<Message> address_changes(unsigned index, const std::vector<Cidr>& wished,
                                     const std::vector<Cidr>& now) {
  std::vector<Message> out;
  for (const Cidr& address : now) {
    if (is_link_local(address.address)) continue;
    if (std::find(wished.begin(), wished.end(), address) == wished.end()) {
      out.push_back(delete_address(index, address));
    }
  }
  return out;
}

void set_addresses(NetlinkSocket& socket, unsigned index, const std::string& object,
                   const std::vector<Cidr>& wished, const std::vector<Cidr>& now) {
  std::vector<Message> messages = address_changes(index, wished, now);
  const std::size_t removals = messages.size();
  std::vector<Cidr> added;
  for (const Cidr& address : wished) {
    if (!address.address.is_v4()) added.push_back(link_local_of(address.address));
    added.push_back(address);
  }
  for (const Cidr& address : added) messages.push_back(add_address(index, address));
  const std::vector<Answer> answers = socket.request(messages);
  for (std::size_t i = 0; i < removals; ++i) {
    // A secondary v4 address goes with its primary one.
    check(answers[i], "remove an address from", object, {EADDRNOTAVAIL});
  }
  for (std::size_t i = 0; i < added.size(); ++i) {
    check_address(answers[removals + i], added[i], object);
  }
}

}  // namespace

void ensure_bridge(const Bridge& bridge) {
  // The table first: from its first moment the bridge has its guard and its isolation.
  ensure_isolation(bridge);
  NetlinkSocket& socket = NetlinkSocket::current(NETLINK_ROUTE);
  std::vector<Message> messages;
  messages.push_back(new_bridge(bridge.device));
  messages.push_back(change_link(bridge.device, {.label = bridge.label, .mtu = bridge.mtu}));
  messages.push_back(no_ipv6_autoconfiguration(bridge.device));
  const std::vector<Answer> made = socket.request(messages);
  check(made[0], "make bridge", bridge.device, {EEXIST});
  const bool fresh = made[0].errnum == 0;
  check(made[1], "configure bridge", bridge.device);
  check(made[2], "configure bridge", bridge.device, {EAFNOSUPPORT, EOPNOTSUPP, ENODEV});
  const unsigned index = link_index(socket, bridge.device);
  std::vector<Cidr> now;
  if (!fresh) {
    const LinkFacts facts = dump_link(socket, index);
    if (facts.kind != "bridge") {
      throw base::Error(base::cat("link ", bridge.device, " exists and is no bridge"),
                        base::cat("remove it: ip link delete ", bridge.device));
    }
    now = facts.addresses;
  }
  const std::string v4 = base::cat("net/ipv4/conf/", bridge.device, "/");
  const std::string v6 = base::cat("net/ipv6/conf/", bridge.device, "/");
  set_sysctl(v4 + "route_localnet", "1");
  if (has_ipv6() && !sysctl(v6 + "accept_ra").empty()) {
    set_sysctl(v6 + "accept_ra", "0");
    if (has_v6(bridge.addresses)) set_sysctl(v6 + "disable_ipv6", "0");
  }
  socket.request_one(change_link(bridge.device, {.up = true}), "set up bridge", bridge.device);
  set_addresses(socket, index, bridge.device, bridge.addresses, now);
  enable_forwarding(bridge);
}

std::vector<Difference> bridge_sysctl_differences(const Bridge& bridge) {
  std::vector<Difference> out;
  const auto look = [&out](const std::string& name, const std::string& wanted) {
    const std::string found = sysctl(name);
    // Unreadable: the device or the whole family is not there, which is told by itself.
    if (!found.empty() && found != wanted) out.push_back({name, wanted, found});
  };
  look("net/ipv4/ip_forward", "1");
  look(base::cat("net/ipv4/conf/", bridge.device, "/route_localnet"), "1");
  if (has_v6(bridge.addresses)) {
    look("net/ipv6/conf/all/forwarding", "1");
    look(base::cat("net/ipv6/conf/", bridge.device, "/disable_ipv6"), "0");
  }
  return out;
}

void remove_bridge(const Bridge& bridge) {
  NetlinkSocket::current(NETLINK_ROUTE)
      .request_one(delete_link(bridge.device), "remove bridge", bridge.device, {ENODEV});
  nft::remove_table(bridge.table);
}

namespace {

// From the address where none is wished for: whoever gets the address later has the same one, so
// that no neighbour's cache leads astray when a container or its link is made again.
std::string mac_of(const Endpoint& endpoint) {
  if (!endpoint.mac.empty() || endpoint.addresses.empty()) return endpoint.mac;
  const IpAddress& address = endpoint.addresses.front().address;
  const std::size_t last = address.is_v4() ? 0 : 12;
  std::string out = "02:42";  // locally administered
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (std::size_t i = last; i < last + 4; ++i) {
    out += ':';
    out += kDigits[address.bytes[i] >> 4U];
    out += kDigits[address.bytes[i] & 0xfU];
  }
  return out;
}

enum class Half : std::uint8_t { Ready, Missing };

// The container's end; runs in its namespace. `fresh`: nothing is there that could differ.
Half furnish_inside(const Endpoint& endpoint, std::uint32_t mtu, unsigned peer, bool fresh) {
  NetlinkSocket socket(NETLINK_ROUTE);
  const std::string object = base::cat(endpoint.inner_device, " in ", endpoint.netns);
  const unsigned index = link_index(socket, endpoint.inner_device);
  if (index == 0) return Half::Missing;
  LinkFacts now;
  if (!fresh) {
    now = dump_link(socket, index);
    // Same name, but the other half of some other pair.
    if (now.peer != peer) {
      socket.request_one(delete_link(endpoint.inner_device), "remove", object, {ENODEV});
      return Half::Missing;
    }
  }
  if (has_v6(endpoint.addresses)) {
    set_sysctl(base::cat("net/ipv6/conf/", endpoint.inner_device, "/disable_ipv6"), "0");
  }
  LinkChange change{.up = true};
  if (mtu != kUsualMtu || !fresh) change.mtu = mtu;
  if (const std::string mac = mac_of(endpoint); !fresh && !mac.empty() && mac != now.mac) {
    change.mac = mac;
  }
  std::vector<Message> messages;
  messages.push_back(change_link(endpoint.inner_device, change));
  std::vector<Message> removals = address_changes(index, endpoint.addresses, now.addresses);
  for (const IpAddress& gateway : now.gateways) {
    const auto& wished = endpoint.gateways;
    if (std::find(wished.begin(), wished.end(), gateway) == wished.end()) {
      removals.push_back(delete_default_route(index, gateway));
    }
  }
  const std::size_t removal_count = removals.size();
  for (Message& removal : removals) messages.push_back(std::move(removal));
  std::vector<Cidr> added;
  for (const Cidr& address : endpoint.addresses) {
    if (!address.address.is_v4()) added.push_back(link_local_of(address.address));
    added.push_back(address);
  }
  for (const Cidr& address : added) messages.push_back(add_address(index, address));
  for (const IpAddress& gateway : endpoint.gateways) {
    messages.push_back(add_default_route(index, gateway));
  }
  const std::vector<Answer> answers = socket.request(messages);
  check(answers[0], "set up", object);
  for (std::size_t i = 0; i < removal_count; ++i) {
    // What goes with something removed just before is gone already.
    check(answers[1 + i], "clean", object, {EADDRNOTAVAIL, ESRCH});
  }
  for (std::size_t i = 0; i < added.size(); ++i) {
    check_address(answers[1 + removal_count + i], added[i], object);
  }
  for (std::size_t i = 0; i < endpoint.gateways.size(); ++i) {
    const Answer& answer = answers[1 + removal_count + added.size() + i];
    const std::string call = base::cat("add default route via ", endpoint.gateways[i].str(), " to");
    check(answer, call, object, {EEXIST});
  }
  return Half::Ready;
}

// br_netfilter is there and on (it is per network namespace).
bool bridges_are_filtered() {
  return sysctl("net/bridge/bridge-nf-call-iptables") == "1" ||
         sysctl("net/bridge/bridge-nf-call-ip6tables") == "1";
}

// The host's end: true when the pair was made just now.
bool furnish_outside(NetlinkSocket& socket, const Endpoint& endpoint, const base::Fd& netns,
                     unsigned bridge, std::uint32_t mtu) {
  const std::string& device = endpoint.device;
  LinkChange change{.label = endpoint.label, .master = bridge};
  if (mtu != kUsualMtu || link_index(socket, device) != 0) change.mtu = mtu;
  std::vector<Message> messages;
  messages.push_back(new_veth(device, endpoint.inner_device, netns.get(), mac_of(endpoint)));
  messages.push_back(no_ipv6_autoconfiguration(device));
  messages.push_back(change_link(device, change));
  messages.push_back(change_link(device, {.up = true}));
  if (bridges_are_filtered()) messages.push_back(allow_hairpin(device));
  const std::vector<Answer> answers = socket.request(messages);
  check(answers[0], "make link", base::cat(device, " (", endpoint.label, ")"), {EEXIST});
  const bool fresh = answers[0].errnum == 0;
  if (answers[2].errnum == ENODEV) return false;  // EEXIST was about the name inside
  check(answers[1], "configure link", device, {EAFNOSUPPORT, EOPNOTSUPP, ENODEV});
  if (answers[2].errnum != 0 && fresh) {
    socket.request_one(delete_link(device), "remove link", device, {ENODEV});
  }
  if (answers[2].errnum == EXFULL) {
    throw base::Error(
        base::cat("network bridge ", endpoint.bridge, " is full: it has 1023 ",
                  "endpoints, the most the kernel allows on one bridge"),
        base::cat("spread the services over several networks (", endpoint.label, ")"));
  }
  check(answers[2], base::cat("attach to bridge ", endpoint.bridge, " the link"), device);
  check(answers[3], "set up link", device);
  if (answers.size() > 4) check(answers[4], "allow hairpin on link", device);
  return fresh;
}

}  // namespace

void ensure_endpoint(const Endpoint& endpoint) {
  NetlinkSocket& socket = NetlinkSocket::current(NETLINK_ROUTE);
  const base::Fd netns = open_netns(endpoint.netns);
  const unsigned bridge = link_index(socket, endpoint.bridge);
  if (bridge == 0) {
    throw base::Error(
        base::cat("network bridge ", endpoint.bridge, " does not exist (for ", endpoint.label, ")"),
        "somebody removed it; run the command again");
  }
  const std::uint32_t mtu = link_mtu(socket, endpoint.bridge);
  // At most one of the two ends is in the way; each round clears one.
  for (int round = 0; round < 3; ++round) {
    const bool fresh = furnish_outside(socket, endpoint, netns, bridge, mtu);
    const unsigned index = link_index(socket, endpoint.device);
    Half inside = Half::Missing;
    in_netns(netns, [&] { inside = furnish_inside(endpoint, mtu, index, fresh); });
    if (inside == Half::Ready) {
      // The port first: its carrier is what gives the bridge one.
      settle_link(socket, endpoint.device);
      settle_link(socket, endpoint.bridge);
      return;
    }
    socket.request_one(delete_link(endpoint.device), "remove link", endpoint.device, {ENODEV});
  }
  throw base::Error(base::cat("link ", endpoint.device, " of ", endpoint.label,
                              " cannot be made: its other end does not appear in ", endpoint.netns),
                    "somebody else is changing the same links; run the command again");
}

void remove_links(const std::vector<Bridge>& bridges, const std::vector<Endpoint>& endpoints) {
  // Any number nobody else uses; ours only ever marks links about to go.
  constexpr std::uint32_t kDoomed = 0x73746b00;
  std::vector<std::string> devices;
  devices.reserve(endpoints.size() + bridges.size());
  for (const Endpoint& endpoint : endpoints) devices.push_back(endpoint.device);
  for (const Bridge& bridge : bridges) devices.push_back(bridge.device);
  NetlinkSocket& socket = NetlinkSocket::current(NETLINK_ROUTE);
  std::vector<Message> marks;
  marks.reserve(devices.size());
  for (const std::string& device : devices) {
    marks.push_back(change_link(device, {.group = kDoomed}));
  }
  const std::vector<Answer> answers = socket.request(marks);
  bool any = false;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    check(answers[i], "remove link", devices[i], {ENODEV});
    any = any || answers[i].errnum == 0;
  }
  if (any) {
    socket.request_one(delete_group(kDoomed), "remove links", "of the network", {ENODEV});
  }
  for (const Bridge& bridge : bridges) nft::remove_table(bridge.table);
}

void remove_endpoint(const Endpoint& endpoint) {
  NetlinkSocket::current(NETLINK_ROUTE)
      .request_one(delete_link(endpoint.device), "remove link", endpoint.device, {ENODEV});
}

}  // namespace netfab
