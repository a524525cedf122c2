// Moments as people write them on a command line: --since and --until.
#pragma once

#include <chrono>
#include <string>

namespace cli {

// "10m", "1h30m" (before `now`), seconds since the epoch ("1700000000", with a fraction),
// "2026-11-24", "2026-11-24T10:00:00", with "Z" or "+01:00" behind; local time without. Throws
// base::Error.
std::chrono::system_clock::time_point parse_moment(const std::string& text,
                                                   std::chrono::system_clock::time_point now);

}  // namespace cli
