// Any bytes as an address or a network: what is read prints as a text that reads as the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/ip.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (const auto address = base::parse_ip(text)) {
    if (base::parse_ip(address->str()) != address) std::abort();
  }
  if (const auto cidr = base::parse_cidr(text)) {
    if (base::parse_cidr(cidr->str()) != cidr || !cidr->contains(cidr->address)) std::abort();
    if (!cidr->network().overlaps(*cidr)) std::abort();
  }
  return 0;
}
