// check_encoding(): is a text UTF-8 that YAML allows? Names the first byte that is not, by its
// offset. Sources: RFC 3629; YAML 1.2.2, 5.1 (printable characters).
#pragma once

#include <string_view>

#include "spec/report.hpp"

namespace spec {

// False, with an error in `report`.
bool check_encoding(std::string_view text, std::uint32_t file, Report& report);

}  // namespace spec
