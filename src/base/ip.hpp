// IpAddress and Cidr: v4 or v6 values with total order. No resolving, no sockets.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace base {

enum class Family : std::uint8_t { V4, V6 };

struct IpAddress {
  Family family = Family::V4;
  std::array<std::uint8_t, 16> bytes{};  // network order; v4 uses the first four

  auto operator<=>(const IpAddress&) const = default;
  [[nodiscard]] bool is_v4() const { return family == Family::V4; }
  [[nodiscard]] unsigned width() const { return is_v4() ? 32 : 128; }
  [[nodiscard]] std::size_t size() const { return is_v4() ? 4 : 16; }
  [[nodiscard]] bool is_unspecified() const;
  [[nodiscard]] bool is_loopback() const;  // 127.0.0.0/8, ::1
  [[nodiscard]] std::string str() const;
  // Host order value of a v4 address.
  [[nodiscard]] std::uint32_t v4() const;
  static IpAddress from_v4(std::uint32_t host_order);
  // The address `offset` further on (carries through all bytes).
  [[nodiscard]] IpAddress plus(std::uint64_t offset) const;
};

struct Cidr {
  IpAddress address;  // may have host bits when it is an interface's address
  unsigned prefix = 0;

  auto operator<=>(const Cidr&) const = default;
  [[nodiscard]] std::string str() const;
  [[nodiscard]] Cidr network() const;  // host bits cleared
  [[nodiscard]] bool contains(const IpAddress& a) const;
  [[nodiscard]] bool overlaps(const Cidr& other) const;
};

// Strict: dotted quad of decimal numbers without leading zeros, or RFC 4291 text without a zone;
// nothing else. No IPv4 address in IPv6 clothes (::ffff:a.b.c.d): the kernel takes the two for one
// another in some places and for two in others.
std::optional<IpAddress> parse_ip(std::string_view text);
// "10.0.0.0/24"; a prefix length without leading zeros is required and checked against the family.
std::optional<Cidr> parse_cidr(std::string_view text);

}  // namespace base
