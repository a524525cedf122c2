// scan(): one linear look at the bytes before any YAML library sees them, so that a hostile file
// costs nothing: size, encoding, control characters, depth of flow collections and block
// sequences, number of values, quotes that are never closed (the YAML scanner queues a whole flow
// collection as tokens before its first event). Sources: YAML 1.2.2, 5.1; RFC 3629.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "spec/report.hpp"

namespace spec {

struct Bounds {
  std::size_t bytes = 1U << 20U;           // of one file
  std::size_t depth = 100;                 // of nesting, aliases expanded
  std::size_t nodes = 100'000;             // keys and values of one file, aliases expanded
  std::size_t expanded_bytes = 8U << 20U;  // text of one file, aliases expanded
};

// The bounds with STACK_MAX_BYTES, STACK_MAX_DEPTH (at most 400) and STACK_MAX_NODES of the shell's
// environment; text grows to eight times the bytes. base::Error for what is no number above zero.
Bounds bounds_of(const std::map<std::string, std::string>& environment);

// False, with an error in `report`, when the text must not be parsed.
bool scan(std::string_view text, std::uint32_t file, const Bounds& bounds, Report& report);

}  // namespace spec
