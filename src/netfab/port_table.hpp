// How published ports lie in the maps of a stack's nft table: names, keys, values. Pure.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "netfab/fabric.hpp"
#include "netfab/nft.hpp"

namespace netfab {

// One map a pair of families and kind of host address.
struct PortMap {
  const char* name;
  base::Family host;
  base::Family target;
  bool any_address;  // keyed by (protocol, port), else by (protocol, address, port)

  // The kernel translates within one family; what crosses is carried by a relay, and lies in the
  // table only so that it is read back and seen as taken.
  [[nodiscard]] bool translated() const { return host == target; }
};
// In the order of look-up: an exact address wins.
extern const std::array<PortMap, 6> kPortMaps;

nft::Map describe(const PortMap& map);
// True when `port` belongs into `map`. One published on 0.0.0.0 or :: lies in two: as any address,
// where packets find it, and under that address, where reading back finds how it was written.
bool holds(const PortMap& map, const PublishedPort& port);
nft::Element encode_port(const PortMap& map, const PublishedPort& port);
// Nothing for an element that is not of our shape.
std::optional<PublishedPort> decode_port(const PortMap& map, const nft::Element& element);

// All ports in a table's maps, sorted; whatever state its rules are in.
std::vector<PublishedPort> read_ports(const std::string& table);

}  // namespace netfab
