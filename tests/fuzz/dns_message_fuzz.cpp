// Queries from containers and answers from name servers: any bytes. What is built must be readable
// again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "supervisor/dns_message.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace supervisor;
  const DnsView message(data, size);
  const DnsQuery query = parse_dns_query(message);
  (void)is_dns_answer(message, message, query.id);
  (void)parse_reverse_name(query.name);
  if (query.question_end > size) std::abort();
  if (query.state == DnsQuery::State::NotAQuery) return 0;
  DnsAnswer answer;
  answer.code = query.code;
  answer.addresses.assign(size % 64, base::IpAddress::from_v4(0x0a000001));
  answer.pointer = query.name;
  const DnsBytes built = build_dns_answer(message, query, answer, query.udp_size);
  if (query.state == DnsQuery::State::Ok && !is_dns_answer(built, message, query.id)) std::abort();
  return 0;
}
