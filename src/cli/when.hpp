// Points in time as docker's --since and --until take them: a duration before now ("10m", "1h30m"),
// RFC 3339 with or without its end and zone, seconds since the epoch with or without a fraction.
// For every command that has the two.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace cli {

// Without a zone the machine's own is meant. Throws base::Error when it is none of them.
std::chrono::system_clock::time_point parse_when(std::string_view text,
                                                 std::chrono::system_clock::time_point now);
// Of an option: nothing when it was not given. The error names it.
std::optional<std::chrono::system_clock::time_point> when_given(const char* option,
                                                                const std::string& text);

}  // namespace cli
