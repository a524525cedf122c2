// Published ports in the kernel: one nft table a stack, replaced in one transaction; ports are
// elements of maps, so that any number costs a packet one look-up. Plus what stands in their way.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "netfab/fabric.hpp"

namespace netfab {

// Makes table `table` publish exactly `ports` (empty: the table is removed): DNAT in prerouting and
// output, masquerade only for 127.0.0.0/8 (hairpin: in the network's table, which knows the
// subnet), drop of 127.0.0.0/8 arriving on any other interface. The source address of outside
// clients is preserved. Conntrack entries of UDP ports that changed are deleted. `owner` is the
// stack's name, for people: nft lists it as the table's comment, port_holders names it.
void ensure_ports(const std::string& table, const std::vector<PublishedPort>& ports,
                  const std::string& owner = {});
void remove_ports(const std::string& table);
// What the table publishes now, sorted; empty when it does not exist or somebody took rules out of
// it.
std::vector<PublishedPort> observe_ports(const std::string& table);
// As above when the tables are known already.
std::vector<PublishedPort> observe_ports(const std::string& table,
                                         const std::vector<TableFact>& tables);
// Tables of ours ("stack-ports-*", "stack-net-*") in the current namespace.
std::vector<std::string> observe_tables();

// Who holds a port of the host, for people: "process nginx (pid 812)", "stack shop". A port of
// 0.0.0.0 conflicts with every address. `own_table`'s elements do not count. Nothing when it is
// free.
std::optional<std::string> port_holder(const PublishedPort& port, const std::string& own_table);
// As above for many ports with one look at the kernel: index into `ports` → holder.
std::vector<std::pair<std::size_t, std::string>> port_holders(
    const std::vector<PublishedPort>& ports, const std::string& own_table);
// A port in the host's ephemeral range that nobody holds.
std::uint16_t free_port(Protocol protocol, const std::optional<IpAddress>& address);

// A forward chain in somebody else's table that would drop our traffic (policy drop: Docker, ufw).
struct ForwardDrop {
  std::string table;   // "ip filter"
  std::string chain;   // "FORWARD"
  std::string remedy;  // what the person can run
};
// Nothing when there is none for this family, or when it accepts what passes interfaces "st-*" (the
// remedy).
std::optional<ForwardDrop> forward_drop(base::Family family = base::Family::V4);

}  // namespace netfab
