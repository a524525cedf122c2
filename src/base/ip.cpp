#include "base/ip.hpp"

#include <arpa/inet.h>

#include <algorithm>

#include "base/text.hpp"

namespace base {

bool IpAddress::is_unspecified() const {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b == 0; });
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes[0] == 127;
  IpAddress one{Family::V6, {}};
  one.bytes[15] = 1;
  return *this == one;
}

std::string IpAddress::str() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(is_v4() ? AF_INET : AF_INET6, bytes.data(), text.data(), text.size());
  return text.data();
}

std::uint32_t IpAddress::v4() const {
  return (std::uint32_t{bytes[0]} << 24U) | (std::uint32_t{bytes[1]} << 16U) |
         (std::uint32_t{bytes[2]} << 8U) | std::uint32_t{bytes[3]};
}

IpAddress IpAddress::from_v4(std::uint32_t host_order) {
  IpAddress out;
  for (unsigned i = 0; i < 4; ++i) {
    out.bytes[i] = static_cast<std::uint8_t>(host_order >> (24U - 8U * i));
  }
  return out;
}

IpAddress IpAddress::plus(std::uint64_t offset) const {
  IpAddress out = *this;
  unsigned carry = 0;
  for (std::size_t i = out.size(); i-- > 0;) {
    const unsigned sum = out.bytes[i] + static_cast<unsigned>(offset & 0xffU) + carry;
    out.bytes[i] = static_cast<std::uint8_t>(sum);
    carry = sum >> 8U;
    offset >>= 8U;
  }
  return out;
}

std::string Cidr::str() const {
  return cat(address.str(), "/", prefix);
}

Cidr Cidr::network() const {
  Cidr out = *this;
  for (unsigned bit = prefix; bit < out.address.width(); ++bit) {
    out.address.bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80U >> (bit % 8)));
  }
  return out;
}

bool Cidr::contains(const IpAddress& a) const {
  return a.family == address.family && Cidr{a, prefix}.network() == network();
}

bool Cidr::overlaps(const Cidr& other) const {
  return prefix <= other.prefix ? contains(other.address) : other.contains(address);
}

std::optional<IpAddress> parse_ip(std::string_view text) {
  // Longer than any address; the library wants a terminated string without NUL inside.
  if (text.size() >= INET6_ADDRSTRLEN || text.find('\0') != std::string_view::npos) return {};
  const std::string copy(text);
  IpAddress out;
  if (inet_pton(AF_INET, copy.c_str(), out.bytes.data()) == 1) return out;
  out.family = Family::V6;
  out.bytes = {};
  if (inet_pton(AF_INET6, copy.c_str(), out.bytes.data()) != 1) return {};
  const bool zeros = std::all_of(out.bytes.begin(), out.bytes.begin() + 10,
                                 [](std::uint8_t byte) { return byte == 0; });
  if (zeros && out.bytes[10] == 0xff && out.bytes[11] == 0xff) return {};
  return out;
}

std::optional<Cidr> parse_cidr(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return {};
  const auto address = parse_ip(text.substr(0, slash));
  const std::string_view length = text.substr(slash + 1);
  const auto prefix = parse_uint(length);
  if (!address || !prefix || *prefix > address->width()) return {};
  if (length.size() > 1 && length[0] == '0') return {};
  return Cidr{*address, static_cast<unsigned>(*prefix)};
}

}  // namespace base
