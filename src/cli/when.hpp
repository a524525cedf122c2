// Points in time as docker's --since and --until take them: a duration before now ("10m", "1h30m"),
// RFC 3339 with or without its end and zone, seconds since the epoch with or without a fraction.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace cli {

// Nothing when it is none of them. Without a zone the machine's own is meant.
std::optional<std::chrono::system_clock::time_point> parse_when(
    std::string_view text, std::chrono::system_clock::time_point now);

}  // namespace cli
