#include "netfab/port_table.hpp"

#include <netinet/in.h>

#include <algorithm>

namespace netfab {

const std::array<PortMap, 6> kPortMaps{{
    {"v4-address", base::Family::V4, base::Family::V4, false},
    {"v4-any", base::Family::V4, base::Family::V4, true},
    {"v6-address", base::Family::V6, base::Family::V6, false},
    {"v6-any", base::Family::V6, base::Family::V6, true},
    {"v6-to-v4", base::Family::V6, base::Family::V4, false},
    {"v4-to-v6", base::Family::V4, base::Family::V6, false},
}};

namespace {

// nft(8)'s numbers for its types, so that `nft list` prints the maps as people write them; a
// concatenation is six bits a type.
constexpr std::uint32_t kIpAddress = 7, kIp6Address = 8, kProtocol = 12, kService = 13;
constexpr std::uint32_t join(std::uint32_t a, std::uint32_t b) {
  return a << 6U | b;
}

// Each part of a key starts at a register, 4 bytes.
constexpr std::uint32_t kPart = 4;

std::uint32_t address_size(base::Family family) {
  return family == base::Family::V4 ? 4 : 16;
}

std::uint32_t address_type(base::Family family) {
  return family == base::Family::V4 ? kIpAddress : kIp6Address;
}

void put_port(std::vector<std::uint8_t>& out, std::uint16_t port) {
  out.insert(out.end(), {static_cast<std::uint8_t>(port >> 8U),
                         static_cast<std::uint8_t>(port & 0xffU), 0, 0});
}

void put_address(std::vector<std::uint8_t>& out, const IpAddress& address) {
  out.insert(out.end(), address.bytes.begin(),
             address.bytes.begin() + static_cast<std::ptrdiff_t>(address.size()));
}

std::uint16_t port_at(const std::vector<std::uint8_t>& bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8U | bytes[at + 1]);
}

}  // namespace

nft::Map describe(const PortMap& map) {
  nft::Map out{map.name, join(kProtocol, kService), 2 * kPart,
               join(address_type(map.target), kService), address_size(map.target) + kPart};
  if (!map.any_address) {
    out.key_type = join(join(kProtocol, address_type(map.host)), kService);
    out.key_size += address_size(map.host);
  }
  return out;
}

bool holds(const PortMap& map, const PublishedPort& port) {
  if (port.target.family != map.target) return false;
  if (!port.host_address) return map.any_address && map.translated();
  if (port.host_address->family != map.host) return false;
  return !map.any_address || port.host_address->is_unspecified();
}

nft::Element encode_port(const PortMap& map, const PublishedPort& port) {
  nft::Element out;
  const bool tcp = port.protocol == Protocol::Tcp;
  out.key = {static_cast<std::uint8_t>(tcp ? IPPROTO_TCP : IPPROTO_UDP), 0, 0, 0};
  if (!map.any_address) put_address(out.key, *port.host_address);
  put_port(out.key, port.host_port);
  put_address(out.data, port.target);
  put_port(out.data, port.target_port);
  return out;
}

std::optional<PublishedPort> decode_port(const PortMap& map, const nft::Element& element) {
  const nft::Map shape = describe(map);
  if (element.key.size() != shape.key_size || element.data.size() != shape.data_size) {
    return std::nullopt;
  }
  if (element.key[0] != IPPROTO_TCP && element.key[0] != IPPROTO_UDP) return std::nullopt;
  PublishedPort out;
  out.protocol = element.key[0] == IPPROTO_TCP ? Protocol::Tcp : Protocol::Udp;
  if (!map.any_address)
    out.host_address = address_from(&element.key[kPart], address_size(map.host));
  out.host_port = port_at(element.key, shape.key_size - kPart);
  out.target = address_from(element.data.data(), address_size(map.target));
  out.target_port = port_at(element.data, address_size(map.target));
  return out;
}

std::vector<PublishedPort> read_ports(const std::string& table) {
  std::vector<PublishedPort> out;
  for (const PortMap& map : kPortMaps) {
    for (const nft::Element& element : nft::read_elements(table, map.name)) {
      if (const auto port = decode_port(map, element)) out.push_back(*port);
    }
  }
  std::sort(out.begin(), out.end());
  std::vector<PublishedPort> twins;
  for (PublishedPort port : out) {
    if (!port.host_address || !port.host_address->is_unspecified()) continue;
    if (port.host_address->family != port.target.family) continue;
    port.host_address.reset();
    twins.push_back(port);
  }
  for (const PublishedPort& twin : twins) std::erase(out, twin);
  return out;
}

}  // namespace netfab
