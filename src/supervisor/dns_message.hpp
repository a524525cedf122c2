// DNS messages as bytes (RFC 1035, RFC 6891): reads queries and builds our answers. Every length is
// checked: the bytes come from containers and from the network. No sockets, no names of ours.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.hpp"

namespace supervisor {

using DnsBytes = std::vector<std::uint8_t>;
using DnsView = std::span<const std::uint8_t>;

namespace dns_type {
inline constexpr std::uint16_t kA = 1;
inline constexpr std::uint16_t kPtr = 12;
inline constexpr std::uint16_t kAaaa = 28;
inline constexpr std::uint16_t kOpt = 41;
inline constexpr std::uint16_t kAny = 255;
}  // namespace dns_type

enum class DnsCode : std::uint8_t {
  NoError = 0,
  FormErr = 1,
  ServFail = 2,
  NxDomain = 3,
  NotImp = 4,
  Refused = 5,
};

struct DnsQuery {
  enum class State {
    Ok,
    Bad,       // has a header; answer with `code`
    NotAQuery  // too short to answer, or an answer: silence
  } state = State::NotAQuery;
  DnsCode code = DnsCode::NoError;
  std::uint16_t id = 0;
  std::uint16_t flags = 0;  // as received
  std::string name;         // lower case, dotted, no final dot; odd bytes as \DDD
  std::uint16_t type = 0;
  std::uint16_t klass = 0;
  std::size_t question_end = 0;  // the question is [12, question_end) of the message; 0: none
  bool edns = false;
  std::uint16_t udp_size = 512;  // what the asker takes over udp
};

DnsQuery parse_dns_query(DnsView message);

// "4.3.2.1.in-addr.arpa" or 32 nibbles and "ip6.arpa"; nothing for any other name.
std::optional<base::IpAddress> parse_reverse_name(std::string_view lower_case_name);

struct DnsAnswer {
  DnsCode code = DnsCode::NoError;
  std::vector<base::IpAddress> addresses;  // A or AAAA records, in this order
  std::string pointer;                     // a PTR record when not empty
  std::uint32_t ttl = 0;                   // seconds
};
// The answer to `query`, which was parsed from `message`: the question is repeated byte for byte
// (its case is the asker's check against forgery). Records beyond `limit` bytes are left out and TC
// set.
DnsBytes build_dns_answer(DnsView message, const DnsQuery& query, const DnsAnswer& answer,
                          std::size_t limit);

// Whether `response` is an answer to `query` sent with `id`: QR set, same opcode, same question.
bool is_dns_answer(DnsView response, DnsView query, std::uint16_t id);

std::uint16_t dns_id(DnsView message);
void set_dns_id(DnsBytes& message, std::uint16_t id);
DnsCode dns_code(DnsView message);

}  // namespace supervisor
