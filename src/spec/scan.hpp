// scan(): one linear look at the bytes before any YAML library sees them, so that a hostile file
// costs nothing: size, encoding, NUL, flow depth and the number of flow elements (the YAML
// scanner queues a whole flow collection as tokens before its first event).
#pragma once

#include <cstddef>
#include <string_view>

#include "spec/report.hpp"

namespace spec {

struct Bounds {
  std::size_t bytes = 1U << 20U;
  std::size_t depth = 100;
  std::size_t nodes = 100'000;
};

// False, with an error in `report`, when the text must not be parsed.
bool scan(std::string_view text, std::uint32_t file, const Bounds& bounds, Report& report);

}  // namespace spec
