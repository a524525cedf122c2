// Place: where a value stands in a stack file. `file` indexes Stack::files (and Sources).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace spec {

struct Place {
  std::uint32_t file = 0;
  std::uint32_t line = 0;    // 1-based; 0: the value has no place (a default, the command line)
  std::uint32_t column = 0;  // 1-based, in bytes

  auto operator<=>(const Place&) const = default;
  [[nodiscard]] bool known() const { return line != 0; }
};

template <class T>
struct Located {
  T value{};
  Place place;
};

}  // namespace spec
