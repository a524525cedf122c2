#include "cli/when.hpp"

#include <time.h>

#include <string>

#include "base/error.hpp"
#include "base/text.hpp"
#include "spec/units.hpp"

namespace cli {

namespace {

using WhenClock = std::chrono::system_clock;
using std::chrono::nanoseconds;

// The digits of a fraction as nanoseconds; nothing when there is anything else.
std::optional<std::int64_t> fraction_of(std::string_view digits) {
  if (digits.empty() || digits.size() > 9) return {};
  if (digits.find_first_not_of("0123456789") != std::string_view::npos) return {};
  std::string whole(digits);
  whole.append(9 - whole.size(), '0');
  return base::parse_int(whole);
}

WhenClock::time_point point_at(std::int64_t seconds, std::int64_t ns) {
  return WhenClock::time_point(std::chrono::duration_cast<WhenClock::duration>(
      nanoseconds(ns) + std::chrono::seconds(seconds)));
}

std::optional<WhenClock::time_point> parse_epoch(std::string_view text) {
  const std::size_t dot = text.find('.');
  const auto seconds = base::parse_uint(text.substr(0, dot));
  if (!seconds || *seconds > 9'000'000'000) return {};
  std::int64_t ns = 0;
  if (dot != std::string_view::npos) {
    const auto fraction = fraction_of(text.substr(dot + 1));
    if (!fraction) return {};
    ns = *fraction;
  }
  return point_at(static_cast<std::int64_t>(*seconds), ns);
}

// Seconds east of Greenwich: "Z", "+01:00", "-0530"; cut off `text`. Nothing: no zone is given.
std::optional<int> take_zone(std::string_view& text) {
  if (!text.empty() && (text.back() == 'Z' || text.back() == 'z')) {
    text.remove_suffix(1);
    return 0;
  }
  if (text.size() < 16) return {};  // no time of day that one could follow
  const std::size_t length = text[text.size() - 3] == ':' ? 6 : 5;
  const std::string_view zone = text.substr(text.size() - length);
  const auto hours = base::parse_uint(zone.substr(1, 2));
  const auto minutes = base::parse_uint(zone.substr(length - 2));
  if ((zone[0] != '+' && zone[0] != '-') || !hours || !minutes) return {};
  const char sign = zone[0];
  text.remove_suffix(length);
  const int seconds = static_cast<int>(*hours * 3600 + *minutes * 60);
  return sign == '-' ? -seconds : seconds;
}

std::optional<WhenClock::time_point> parse_date(std::string_view text) {
  const std::optional<int> zone = take_zone(text);
  std::int64_t ns = 0;
  if (const std::size_t dot = text.find('.'); dot != std::string_view::npos) {
    const auto fraction = fraction_of(text.substr(dot + 1));
    if (!fraction) return {};
    ns = *fraction;
    text = text.substr(0, dot);
  }
  tm parts{};
  parts.tm_isdst = -1;
  const std::string whole(text);
  for (const char* format :
       {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H", "%Y-%m-%d"}) {
    tm candidate = parts;
    const char* end = ::strptime(whole.c_str(), format, &candidate);
    if (end == nullptr || *end != '\0') continue;
    if (zone) return point_at(::timegm(&candidate) - *zone, ns);
    return point_at(::mktime(&candidate), ns);
  }
  return {};
}

}  // namespace

WhenClock::time_point parse_when(std::string_view text, WhenClock::time_point now) {
  if (const auto epoch = parse_epoch(text)) return *epoch;
  if (const auto date = parse_date(text)) return *date;
  if (const auto before = spec::parse_duration(text)) {
    return now - std::chrono::duration_cast<WhenClock::duration>(*before);
  }
  throw base::Error(base::cat("\"", text, "\" is not a point in time"),
                    "10m for ten minutes ago, 2026-01-31T12:00:00Z, or seconds since the epoch");
}

std::optional<WhenClock::time_point> when_given(const char* option, const std::string& text) {
  if (text.empty()) return {};
  try {
    return parse_when(text, WhenClock::now());
  } catch (const base::Error& error) {
    throw base::Error(base::cat(option, ": ", error.what()), error.hint());
  }
}

}  // namespace cli
