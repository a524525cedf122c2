// Units as Compose writes them: durations (1m30s), sizes (64m) and port intervals (80-90).
// Pure functions; the text of a mistake is written by the caller, who knows the place.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/text.hpp"

namespace spec {

// "1h30m", "500ms", "1.5s", also d and w; a unit is required except for 0, blanks are not allowed.
// Negative ones parse, for the caller to refuse; what does not fit 292 years is none.
std::optional<base::Duration> parse_duration(std::string_view text);
// As Go prints it: "1m30s", "500ms", "0s".
std::string duration_text(base::Duration d);

// "64m", "1.5gb", "2GiB", "64 k", "1e3", "100": powers of 1024, a rest below a byte is dropped. -1
// is read as such, any other negative number is none.
std::optional<std::int64_t> parse_bytes(std::string_view text);

struct PortRange {
  std::uint32_t first = 0;
  std::uint32_t count = 1;
};
// "80" or "80-90"; numbers up to 65535 only, first <= last.
std::optional<PortRange> parse_port_range(std::string_view text);

}  // namespace spec
