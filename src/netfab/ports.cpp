#include "netfab/ports.hpp"

#include <netinet/in.h>  // before the kernel's, which gives way to it

#include <linux/netfilter.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "base/error.hpp"
#include "base/text.hpp"
#include "netfab/conntrack.hpp"
#include "netfab/guard.hpp"
#include "netfab/nft.hpp"
#include "netfab/port_table.hpp"

namespace netfab {

namespace {

constexpr std::int32_t kDnatPriority = -100;
constexpr std::int32_t kSnatPriority = 100;
const char* const kPublish = "publish";
const Cidr kLoopback{IpAddress::from_v4(0x7f000000), 8};

IpAddress v6_loopback() {
  IpAddress out;
  out.family = base::Family::V6;
  out.bytes[15] = 1;
  return out;
}

// (protocol, [address,] port) → (address, port) in one look-up.
void add_lookup(nft::Transaction& table, const PortMap& map) {
  table.rule(kPublish, [&](nft::Rule& rule) {
    const std::uint32_t words = map.host == base::Family::V4 ? 1 : 4;
    rule.family(map.host);
    std::uint32_t reg = nft::kRegister;
    rule.load_protocol(reg++);
    if (!map.any_address) {
      rule.load_target_address(map.host, reg);
      reg += words;
    }
    rule.load_target_port(reg);
    rule.lookup(map.name, nft::kRegister, nft::kRegister);
    rule.dnat(map.host, nft::kRegister, nft::kRegister + words);
  });
}

void check(const std::vector<PublishedPort>& ports) {
  std::set<std::tuple<Protocol, base::Family, std::optional<IpAddress>, std::uint16_t>> seen;
  for (const PublishedPort& port : ports) {
    if (port.host_port == 0 || port.target_port == 0) {
      throw base::Error("a published port has no number yet");
    }
    std::optional<IpAddress> address = port.host_address;
    const base::Family family = address ? address->family : port.target.family;
    if (address && address->is_unspecified()) address.reset();
    if (!seen.emplace(port.protocol, family, address, port.host_port).second) {
      throw base::Error(base::cat("port ", port.host_port, " is published twice"),
                        "two containers cannot share one port of the host");
    }
  }
}

// In one of the two only, udp: these have connection tracking entries that lead astray.
std::vector<PublishedPort> changed_udp(std::vector<PublishedPort> before,
                                       std::vector<PublishedPort> after) {
  std::sort(before.begin(), before.end());
  std::sort(after.begin(), after.end());
  std::vector<PublishedPort> out;
  std::set_symmetric_difference(before.begin(), before.end(), after.begin(), after.end(),
                                std::back_inserter(out));
  std::erase_if(out, [](const PublishedPort& p) { return p.protocol != Protocol::Udp; });
  return out;
}

}  // namespace

void ensure_ports(const std::string& table, const std::vector<PublishedPort>& ports,
                  const std::string& owner) {
  if (ports.empty()) {
    remove_ports(table);
    return;
  }
  check(ports);
  const std::vector<PublishedPort> before = read_ports(table);
  nft::Transaction transaction(table, {.comment = owner, .device = {}});
  for (const PortMap& map : kPortMaps) {
    transaction.map(describe(map));
    std::vector<nft::Element> elements;
    for (const PublishedPort& port : ports) {
      if (holds(map, port)) elements.push_back(encode_port(map, port));
    }
    transaction.elements(map.name, elements);
  }
  transaction.chain(std::string(kPublish));
  for (const PortMap& map : kPortMaps) {
    if (map.translated()) add_lookup(transaction, map);
  }
  // Calls from outside and from containers.
  transaction.chain({"prerouting", "nat", NF_INET_PRE_ROUTING, kDnatPriority});
  transaction.rule("prerouting", [](nft::Rule& rule) { rule.target_is_local().jump(kPublish); });
  // Calls of the host itself. There is no route_localnet for v6: [::1] is served by a relay.
  transaction.chain({"output", "nat", NF_INET_LOCAL_OUT, kDnatPriority});
  transaction.rule("output", [](nft::Rule& rule) {
    rule.target_is_not(v6_loopback()).target_is_local().jump(kPublish);
  });
  transaction.rule("output", [](nft::Rule& rule) {
    rule.family(base::Family::V4).target_is_local().jump(kPublish);
  });
  // 127.0.0.1 as a source would be dropped by the container's kernel.
  transaction.chain({"postrouting", "nat", NF_INET_POST_ROUTING, kSnatPriority});
  transaction.rule("postrouting", [](nft::Rule& rule) {
    rule.source_in(kLoopback).connection_dnat();
    rule.masquerade();
  });
  add_loopback_guard(transaction);
  transaction.commit();
  forget_udp(changed_udp(before, ports));
}

void remove_ports(const std::string& table) {
  const std::vector<PublishedPort> before = read_ports(table);
  nft::remove_table(table);
  forget_udp(changed_udp(before, {}));
}

std::vector<PublishedPort> observe_ports(const std::string& table) {
  std::vector<TableFact> tables;
  for (const nft::Table& own : nft::own_tables()) tables.push_back({own.name, own.intact});
  return observe_ports(table, tables);
}

std::vector<PublishedPort> observe_ports(const std::string& table,
                                         const std::vector<TableFact>& tables) {
  for (const TableFact& own : tables) {
    // Maps without the rules that use them publish nothing.
    if (own.name == table) return own.intact ? read_ports(table) : std::vector<PublishedPort>();
  }
  return {};
}

std::vector<std::string> observe_tables() {
  std::vector<std::string> out;
  for (nft::Table& table : nft::own_tables()) out.push_back(std::move(table.name));
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace netfab
