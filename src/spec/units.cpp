#include "spec/units.hpp"

#include <array>
#include <cmath>
#include <limits>

namespace spec {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

std::int64_t unit_nanoseconds(std::string_view unit) {
  struct Row {
    std::string_view name;
    std::int64_t nanoseconds;
  };
  static constexpr std::int64_t kSecond = 1'000'000'000;
  static constexpr std::array<Row, 10> kUnits{{{"ns", 1},
                                               {"us", 1000},
                                               {"\xc2\xb5s", 1000},  // the micro sign
                                               {"\xce\xbcs", 1000},  // the Greek letter
                                               {"ms", 1'000'000},
                                               {"s", kSecond},
                                               {"m", 60 * kSecond},
                                               {"h", 3600 * kSecond},
                                               {"d", 86'400 * kSecond},
                                               {"w", 7 * 86'400 * kSecond}}};
  for (const Row& row : kUnits) {
    if (row.name == unit) return row.nanoseconds;
  }
  return 0;
}

std::size_t count_digits(std::string_view text) {
  std::size_t digits = 0;
  while (digits < text.size() && is_digit(text[digits])) ++digits;
  return digits;
}

// One "1.5h" at the front, taken off `text`; nothing when it is none or does not fit.
std::optional<std::int64_t> take_part(std::string_view& text) {
  const std::string_view whole = text.substr(0, count_digits(text));
  text.remove_prefix(whole.size());
  std::string_view fraction;
  if (!text.empty() && text[0] == '.') {
    text.remove_prefix(1);
    fraction = text.substr(0, count_digits(text));
    text.remove_prefix(fraction.size());
  }
  if (whole.empty() && fraction.empty()) return {};
  std::size_t end = 0;
  while (end < text.size() && !is_digit(text[end]) && text[end] != '.') ++end;
  const std::int64_t unit = unit_nanoseconds(text.substr(0, end));
  text.remove_prefix(end);
  const auto count = base::parse_int(whole.empty() ? "0" : whole);
  if (unit == 0 || !count || *count > kMost / unit) return {};
  // Nanoseconds of a week have 15 digits: what stands further behind says nothing.
  std::int64_t scale = 1;
  std::int64_t part = 0;
  for (const char c : fraction.substr(0, 18)) {
    part = part * 10 + (c - '0');
    scale *= 10;
  }
  const auto rest = static_cast<std::int64_t>(
      static_cast<double>(part) * (static_cast<double>(unit) / static_cast<double>(scale)));
  const std::int64_t sum = *count * unit;
  if (sum > kMost - rest) return {};
  return sum + rest;
}

}  // namespace

std::optional<base::Duration> parse_duration(std::string_view text) {
  bool negative = false;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  if (text == "0") return base::Duration(0);
  if (text.empty()) return {};
  std::int64_t total = 0;
  while (!text.empty()) {
    const auto part = take_part(text);
    if (!part || *part > kMost - total) return {};
    total += *part;
  }
  return base::Duration(negative ? -total : total);
}

std::string duration_text(base::Duration d) {
  std::int64_t ns = d.count();
  if (ns == 0) return "0s";
  std::string out;
  if (ns < 0) {
    out = "-";
    ns = -ns;
  }
  const auto fraction = [](std::int64_t value, std::int64_t scale, std::string_view unit) {
    std::string text = std::to_string(value / scale);
    std::string rest = std::to_string(scale + value % scale).substr(1);
    while (!rest.empty() && rest.back() == '0') rest.pop_back();
    if (!rest.empty()) text += "." + rest;
    return text.append(unit);
  };
  if (ns < 1000) return out + std::to_string(ns) + "ns";
  if (ns < 1'000'000) return out + fraction(ns, 1000, "\xc2\xb5s");
  if (ns < 1'000'000'000) return out + fraction(ns, 1'000'000, "ms");
  const std::int64_t minutes = ns / 60'000'000'000;
  if (minutes >= 60) out += std::to_string(minutes / 60) + "h";
  if (minutes > 0) out += std::to_string(minutes % 60) + "m";
  return out + fraction(ns % 60'000'000'000, 1'000'000'000, "s");
}

std::optional<std::int64_t> parse_bytes(std::string_view text) {
  if (text == "-1") return -1;
  // The number ends at the last digit or dot; one blank may follow it.
  const std::size_t last = text.find_last_of("0123456789.");
  if (last == std::string_view::npos) return {};
  const auto number = base::parse_double(text.substr(0, last + 1));
  if (!number || !std::isfinite(*number) || std::signbit(*number)) return {};
  std::string unit;
  for (const char c : text.substr(last + 1)) {
    unit += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  std::string_view rest = unit;
  if (!rest.empty() && rest[0] == ' ') rest.remove_prefix(1);
  double scale = 1;
  static constexpr std::string_view kPrefixes = "kmgtp";
  if (!rest.empty() && kPrefixes.find(rest[0]) != std::string_view::npos) {
    scale = std::pow(1024.0, static_cast<double>(kPrefixes.find(rest[0]) + 1));
    rest.remove_prefix(1);
    if (rest == "ib") rest.remove_prefix(1);
  }
  if (!rest.empty() && rest != "b") return {};
  const double value = *number * scale;
  if (value >= static_cast<double>(kMost)) return {};
  return static_cast<std::int64_t>(value);
}

std::optional<PortRange> parse_port_range(std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto number = [](std::string_view part) -> std::optional<std::uint32_t> {
    if (part.empty() || part.size() > 5) return {};
    const auto value = base::parse_uint(part);
    if (!value || *value > 65535) return {};
    return static_cast<std::uint32_t>(*value);
  };
  const auto first = number(text.substr(0, dash));
  if (!first) return {};
  if (dash == std::string_view::npos) return PortRange{*first, 1};
  const auto last = number(text.substr(dash + 1));
  if (!last || *last < *first) return {};
  return PortRange{*first, *last - *first + 1};
}

}  // namespace spec
