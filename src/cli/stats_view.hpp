// What `stats` says of a container, in docker's columns and units. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "base/text.hpp"
#include "cli/template_text.hpp"
#include "executor/usage.hpp"

namespace cli {

// "1.234MiB" and "1.45kB", as docker rounds them.
std::string binary_size(std::uint64_t bytes);
std::string decimal_size(std::uint64_t bytes);

FieldValues stats_heads();
// Of what was used between two readings, `passed` apart.
struct StatsRow {
  std::string name;
  executor::Usage before, now;
  base::Duration passed{0};
};
FieldValues stats_fields(const StatsRow& row, bool whole_ids);

}  // namespace cli
