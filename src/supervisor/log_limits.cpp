#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "base/text.hpp"
#include "supervisor/log_mover.hpp"

namespace supervisor {

namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// As docker reads sizes: a number, then b, k, m, g or t (powers of 1024), each also as kb or kib.
std::uint64_t parse_size(const std::string& text) {
  const auto bad = [&] {
    return base::Error(base::cat("logging option max-size: \"", text, "\" is not a size"),
                       "write a number with a unit, such as 512k, 10m or 1g");
  };
  const std::size_t unit_at = std::min(text.find_first_not_of("0123456789."), text.size());
  const auto number = base::parse_double(std::string_view(text).substr(0, unit_at));
  if (unit_at == 0 || !number || !std::isfinite(*number)) throw bad();

  std::string unit;
  std::transform(text.begin() + static_cast<std::ptrdiff_t>(unit_at), text.end(),
                 std::back_inserter(unit), lower);
  unit.erase(0, unit.find_first_not_of(' ') == std::string::npos ? unit.size()
                                                                 : unit.find_first_not_of(' '));
  double scale = 1;
  if (!unit.empty() && unit != "b") {
    constexpr std::string_view kUnits = "kmgt";
    const std::size_t power = kUnits.find(unit.front());
    const std::string_view rest = std::string_view(unit).substr(1);
    if (power == std::string_view::npos || !(rest.empty() || rest == "b" || rest == "ib")) {
      throw bad();
    }
    scale = std::pow(1024.0, static_cast<double>(power + 1));
  }
  const double bytes = *number * scale;
  if (bytes < 1 || bytes > 9e18) {
    throw base::Error(base::cat("logging option max-size: \"", text, "\" is out of range"),
                      "write a size of at least 1 byte, such as 10m, or -1 for no limit");
  }
  return static_cast<std::uint64_t>(bytes);
}

}  // namespace

LogLimits log_limits(const std::map<std::string, std::string>& options) {
  LogLimits limits;
  if (const auto at = options.find("max-size"); at != options.end()) {
    limits.max_size =
        at->second == "-1" ? std::numeric_limits<std::uint64_t>::max() : parse_size(at->second);
  }
  if (const auto at = options.find("max-file"); at != options.end()) {
    const auto files = base::parse_uint(at->second);
    if (!files || *files < 1 || *files > 100'000) {
      throw base::Error(
          base::cat("logging option max-file: \"", at->second, "\" is not a number of files"),
          "write a whole number from 1 to 100000");
    }
    limits.max_files = static_cast<unsigned>(*files);
  }
  return limits;
}

}  // namespace supervisor
