#include "supervisor/dns_message.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace supervisor {

namespace {

constexpr std::size_t kHeader = 12;
constexpr std::size_t kLongestName = 255;  // RFC 1035 2.3.4, on the wire
constexpr std::size_t kLongestLabel = 63;
constexpr std::uint16_t kResponse = 0x8000;
constexpr std::uint16_t kOpcode = 0x7800;
constexpr std::uint16_t kTruncated = 0x0200;
constexpr std::uint16_t kRecursionDesired = 0x0100;
constexpr std::uint16_t kRecursionAvailable = 0x0080;
constexpr std::uint16_t kOurUdpSize = 4096;
constexpr std::size_t kOptSize = 11;

std::uint16_t u16(DnsView bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8U | bytes[at + 1]);
}

void put16(DnsBytes& out, std::size_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8U));
  out.push_back(static_cast<std::uint8_t>(value));
}

void put32(DnsBytes& out, std::uint32_t value) {
  put16(out, value >> 16U);
  put16(out, value & 0xffffU);
}

void put16_at(DnsBytes& out, std::size_t at, std::size_t value) {
  out[at] = static_cast<std::uint8_t>(value >> 8U);
  out[at + 1] = static_cast<std::uint8_t>(value);
}

std::uint8_t lower(std::uint8_t c) {
  return c >= 'A' && c <= 'Z' ? static_cast<std::uint8_t>(c - 'A' + 'a') : c;
}

void append_label_byte(std::string& name, std::uint8_t raw) {
  const std::uint8_t c = lower(raw);
  if (c > ' ' && c < 0x7f && c != '.' && c != '\\') {
    name.push_back(static_cast<char>(c));
    return;
  }
  // A dot inside a label must not read as two labels.
  name.push_back('\\');
  for (const unsigned part : {c / 100U, c / 10U % 10U, c % 10U}) {
    name.push_back(static_cast<char>('0' + part));
  }
}

// The name of a question; the position behind it, or 0. There is nothing before it that a
// compression pointer could mean, so one is an error.
std::size_t read_name(DnsView message, std::size_t at, std::string& name) {
  std::size_t length = 1;
  while (at < message.size()) {
    const std::size_t label = message[at++];
    if (label == 0) return at;
    length += label + 1;
    if (label > kLongestLabel || length > kLongestName || at + label > message.size()) return 0;
    if (!name.empty()) name.push_back('.');
    for (std::size_t i = 0; i < label; ++i) append_label_byte(name, message[at + i]);
    at += label;
  }
  return 0;
}

// Behind a record's owner name, pointers not followed; or 0.
std::size_t skip_name(DnsView message, std::size_t at) {
  while (at < message.size()) {
    const std::size_t label = message[at++];
    if (label == 0) return at;
    if (label >= 0xc0) return at < message.size() ? at + 1 : 0;
    if (label > kLongestLabel) return 0;
    at += label;
  }
  return 0;
}

// Looks for OPT among the records behind the question; false when one is broken.
bool read_records(DnsView message, std::size_t at, std::size_t count, DnsQuery& query) {
  for (; count > 0; --count) {
    const bool root = at < message.size() && message[at] == 0;
    at = skip_name(message, at);
    if (at == 0 || at + 10 > message.size()) return false;
    const std::uint16_t type = u16(message, at);
    const std::size_t data = u16(message, at + 8);
    if (at + 10 + data > message.size()) return false;
    if (type == dns_type::kOpt) {
      if (!root || query.edns) return false;  // RFC 6891 6.1.1: one, owned by the root
      query.edns = true;
      query.udp_size = std::max<std::uint16_t>(512, u16(message, at + 2));
    }
    at += 10 + data;
  }
  return true;
}

bool put_name(DnsBytes& out, std::string_view name) {
  if (name.empty() || name.size() + 2 > kLongestName) return false;
  for (const std::string& label : base::split(name, '.')) {
    if (label.empty() || label.size() > kLongestLabel) return false;
    out.push_back(static_cast<std::uint8_t>(label.size()));
    out.insert(out.end(), label.begin(), label.end());
  }
  out.push_back(0);
  return true;
}

// A record owned by the question's name, which lies at offset 12.
DnsBytes record(std::uint16_t type, std::uint32_t ttl, DnsView data) {
  DnsBytes out{0xc0, kHeader};
  put16(out, type);
  put16(out, 1);
  put32(out, ttl);
  put16(out, data.size());
  out.insert(out.end(), data.begin(), data.end());
  return out;
}

}  // namespace

DnsQuery parse_dns_query(DnsView message) {
  DnsQuery query;
  if (message.size() < kHeader) return query;
  query.id = u16(message, 0);
  query.flags = u16(message, 2);
  if ((query.flags & kResponse) != 0) return query;
  query.state = DnsQuery::State::Bad;
  if ((query.flags & kOpcode) != 0) {
    query.code = DnsCode::NotImp;
    return query;
  }
  query.code = DnsCode::FormErr;
  if (u16(message, 4) != 1) return query;
  std::size_t at = read_name(message, kHeader, query.name);
  if (at == 0 || at + 4 > message.size()) return query;
  query.type = u16(message, at);
  query.klass = u16(message, at + 2);
  at += 4;
  query.question_end = at;
  const std::size_t records = std::size_t{u16(message, 6)} + u16(message, 8) + u16(message, 10);
  if (!read_records(message, at, records, query)) return query;
  query.state = DnsQuery::State::Ok;
  query.code = DnsCode::NoError;
  return query;
}

std::optional<base::IpAddress> parse_reverse_name(std::string_view name) {
  constexpr std::string_view kV4 = ".in-addr.arpa";
  constexpr std::string_view kV6 = ".ip6.arpa";
  if (name.size() > kV4.size() && name.ends_with(kV4)) {
    std::vector<std::string> parts = base::split(name.substr(0, name.size() - kV4.size()), '.');
    std::reverse(parts.begin(), parts.end());
    const auto address = base::parse_ip(base::join(parts, "."));
    return address && address->is_v4() ? address : std::nullopt;
  }
  if (name.size() != 63 + kV6.size() || !name.ends_with(kV6)) return {};
  base::IpAddress address;
  address.family = base::Family::V6;
  for (std::size_t i = 0; i < 32; ++i) {
    if (i != 0 && name[2 * i - 1] != '.') return {};
    const char c = name[2 * i];
    const auto digit = std::string_view("0123456789abcdef").find(c);
    if (digit == std::string_view::npos) return {};
    // The last nibble of the address comes first.
    const std::size_t byte = 15 - i / 2;
    address.bytes[byte] = static_cast<std::uint8_t>(address.bytes[byte] | digit << (i % 2 * 4));
  }
  return address;
}

DnsBytes build_dns_answer(DnsView message, const DnsQuery& query, const DnsAnswer& answer,
                          std::size_t limit) {
  DnsBytes out;
  put16(out, query.id);
  put16(out, kResponse | (query.flags & (kOpcode | kRecursionDesired)) | kRecursionAvailable |
                 static_cast<unsigned>(answer.code));
  const bool question = query.question_end > kHeader && query.question_end <= message.size();
  put16(out, question ? 1 : 0);
  for (int i = 0; i < 3; ++i) put16(out, 0);
  if (question) {
    out.insert(out.end(), message.begin() + kHeader,
               message.begin() + static_cast<std::ptrdiff_t>(query.question_end));
  }
  std::vector<DnsBytes> records;
  if (question && answer.code == DnsCode::NoError) {
    for (const base::IpAddress& address : answer.addresses) {
      records.push_back(record(address.is_v4() ? dns_type::kA : dns_type::kAaaa, answer.ttl,
                               DnsView(address.bytes).first(address.size())));
    }
    DnsBytes name;
    if (put_name(name, answer.pointer)) {
      records.push_back(record(dns_type::kPtr, answer.ttl, name));
    }
  }
  std::size_t count = 0;
  const std::size_t reserved = query.edns ? kOptSize : 0;
  for (const DnsBytes& bytes : records) {
    if (out.size() + bytes.size() + reserved > limit) {
      out[2] = static_cast<std::uint8_t>(out[2] | kTruncated >> 8U);
      break;
    }
    out.insert(out.end(), bytes.begin(), bytes.end());
    ++count;
  }
  put16_at(out, 6, count);
  if (query.edns) {
    put16_at(out, 10, 1);
    out.push_back(0);
    put16(out, dns_type::kOpt);
    put16(out, kOurUdpSize);
    put32(out, 0);
    put16(out, 0);
  }
  return out;
}

bool is_dns_answer(DnsView response, DnsView query, std::uint16_t id) {
  if (response.size() < kHeader || query.size() < kHeader) return false;
  if (u16(response, 0) != id || (u16(response, 2) & kResponse) == 0) return false;
  if (((u16(response, 2) ^ u16(query, 2)) & kOpcode) != 0) return false;
  if (u16(response, 4) == 0) {
    // Servers leave the question out of some errors only.
    return dns_code(response) != DnsCode::NoError;
  }
  std::string asked;
  std::string answered;
  const std::size_t end = read_name(query, kHeader, asked);
  if (u16(response, 4) != 1 || end == 0 || end + 4 > query.size()) return false;
  if (read_name(response, kHeader, answered) != end || end + 4 > response.size()) return false;
  return asked == answered && std::equal(query.begin() + static_cast<std::ptrdiff_t>(end),
                                         query.begin() + static_cast<std::ptrdiff_t>(end + 4),
                                         response.begin() + static_cast<std::ptrdiff_t>(end));
}

std::uint16_t dns_id(DnsView message) {
  return message.size() < 2 ? std::uint16_t{0} : u16(message, 0);
}

void set_dns_id(DnsBytes& message, std::uint16_t id) {
  if (message.size() >= 2) put16_at(message, 0, id);
}

DnsCode dns_code(DnsView message) {
  return message.size() < 4 ? DnsCode::FormErr : static_cast<DnsCode>(message[3] & 0x0fU);
}

}  // namespace supervisor
