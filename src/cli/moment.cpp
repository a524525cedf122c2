#include "cli/moment.hpp"

#include <array>
#include <cmath>
#include <cstring>
#include <ctime>
#include <optional>

#include "base/error.hpp"
#include "base/text.hpp"
#include "spec/units.hpp"

namespace cli {

namespace {

using MomentClock = std::chrono::system_clock;

MomentClock::time_point plus_seconds(std::time_t whole, double more) {
  return MomentClock::from_time_t(whole) + std::chrono::duration_cast<MomentClock::duration>(
                                               std::chrono::nanoseconds(std::llround(more * 1e9)));
}

// ".25" → 0.25; moves `at` behind it.
double fraction_of(const char*& at) {
  double out = 0, place = 0.1;
  if (*at != '.') return out;
  for (++at; *at >= '0' && *at <= '9'; ++at, place /= 10) out += place * (*at - '0');
  return out;
}

// "Z", "+01:00", "-0530" as seconds east; nothing: not one.
std::optional<long> zone_of(const char* at) {
  if (std::strcmp(at, "Z") == 0 || std::strcmp(at, "z") == 0) return 0;
  if (*at != '+' && *at != '-') return {};
  std::string digits;
  for (const char* c = at + 1; *c != 0; ++c) {
    if (*c >= '0' && *c <= '9') {
      digits += *c;
    } else if (*c != ':') {
      return {};
    }
  }
  if (digits.size() != 4) return {};
  const long seconds = std::stol(digits.substr(0, 2)) * 3600 + std::stol(digits.substr(2)) * 60;
  return *at == '-' ? -seconds : seconds;
}

std::optional<MomentClock::time_point> parse_date(const std::string& text) {
  for (const char* format :
       {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"}) {
    std::tm parts{};
    const char* rest = ::strptime(text.c_str(), format, &parts);
    if (rest == nullptr) continue;
    const double fraction = fraction_of(rest);
    if (*rest == 0) {
      parts.tm_isdst = -1;
      return plus_seconds(::mktime(&parts), fraction);
    }
    const auto zone = zone_of(rest);
    if (!zone) continue;
    return plus_seconds(::timegm(&parts) - *zone, fraction);
  }
  return {};
}

}  // namespace

MomentClock::time_point parse_moment(const std::string& text, MomentClock::time_point now) {
  if (const auto seconds = base::parse_double(text); seconds && std::abs(*seconds) < 1e11) {
    const double whole = std::floor(*seconds);
    return plus_seconds(static_cast<std::time_t>(whole), *seconds - whole);
  }
  if (const auto date = parse_date(text)) return *date;
  if (const auto ago = spec::parse_duration(text)) {
    return now - std::chrono::duration_cast<MomentClock::duration>(*ago);
  }
  throw base::Error(base::cat("\"", text, "\" is no time"),
                    "10m (ago), 2026-11-24T10:00:00Z, or seconds since 1970");
}

}  // namespace cli
