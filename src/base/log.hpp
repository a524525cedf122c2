// The log of the background processes (spdlog behind it): one line an event, for the person who
// asks why. Commands print through cli instead. Library code logs at debug only.
#pragma once

#include <string>
#include <string_view>

namespace base::log {

// Sends everything to `file` (appended, rotated at 1 MiB, one old copy kept). Until called, nothing
// is logged.
void open(const std::string& file);
void debug(std::string_view text);
void info(std::string_view text);
void warn(std::string_view text);
void error(std::string_view text);

}  // namespace base::log
