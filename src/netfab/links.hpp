// Bridges and endpoints in the kernel: rtnetlink through libnl-3, batched. Idempotent `ensure_`,
// `remove_` that accepts absence, `observe_` in one dump. Must not know containers or stacks.
#pragma once

#include <string>
#include <vector>

#include "netfab/fabric.hpp"

namespace netfab {

// Makes the bridge, its addresses and sysctls (accept_ra 0, addr_gen_mode none, route_localnet)
// equal `bridge`, plus its nft table: masquerade of what leaves, isolation from every other
// interface, nothing in or out when internal. Turns on ip_forward (v4; v6 when it has a v6
// address), remembering nothing: documented in docs/architecture.md.
void ensure_bridge(const Bridge& bridge);
// Removes the bridge and its table.
void remove_bridge(const Bridge& bridge);

// Makes the veth pair with its peer already inside the pinned namespace, attaches it to the bridge,
// sets addresses, default routes, brings both ends up. Mends what differs.
void ensure_endpoint(const Endpoint& endpoint);
void remove_endpoint(const Endpoint& endpoint);

// Many at once, with the bridges' tables. Taking a link away costs the kernel some 15 to 40 ms of
// waiting for its readers, alone or a hundred together. Absent ones are fine.
void remove_links(const std::vector<Bridge>& bridges, const std::vector<Endpoint>& endpoints);

// Every bridge and host-side veth whose name starts with our prefixes ("st-", "sv-") in the current
// namespace, with label, master and (bridges) addresses. One dump of links, one of addresses.
// Endpoint::netns, inner_device, addresses and gateways come only from observe_netns. Drift shows
// as a difference: Bridge::table is empty when the table is missing or lacks rules (`internal` is
// read from it), an endpoint that is down or detached has no bridge, what is down has no addresses.
struct ObservedLinks {
  std::vector<Bridge> bridges;
  std::vector<Endpoint> endpoints;
  std::vector<std::string> down;  // devices of these that are there but down
  std::vector<TableFact> tables;  // every nft table of ours
};
ObservedLinks observe_links();
// Sysctls of the host that the bridge needs and that are not as ensure_bridge makes them.
std::vector<Difference> bridge_sysctl_differences(const Bridge& bridge);
// The inside of one namespace: one Endpoint an interface other than lo.
std::vector<Endpoint> observe_netns(const std::string& path);

// Every prefix the host routes or holds as an address, v4 and v6, for choosing pools.
std::vector<Cidr> host_routes();

}  // namespace netfab
