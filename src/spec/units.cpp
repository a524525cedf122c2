#include "spec/units.hpp"

#include <array>
#include <cmath>
#include <cstdio>

namespace spec {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

double unit_nanoseconds(std::string_view unit) {
  struct Row {
    std::string_view name;
    double nanoseconds;
  };
  static constexpr std::array<Row, 9> kUnits{{{"ns", 1.0},
                                              {"us", 1e3},
                                              {"\xc2\xb5s", 1e3},
                                              {"ms", 1e6},
                                              {"s", 1e9},
                                              {"m", 60e9},
                                              {"h", 3600e9},
                                              {"d", 86400e9},
                                              {"w", 7 * 86400e9}}};
  for (const Row& row : kUnits) {
    if (row.name == unit) return row.nanoseconds;
  }
  return 0;
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
  double total = 0;
  while (!text.empty()) {
    std::size_t digits = 0;
    while (digits < text.size() && (is_digit(text[digits]) || text[digits] == '.')) ++digits;
    const auto number = base::parse_double(text.substr(0, digits));
    if (!number) return {};
    std::size_t end = digits;
    while (end < text.size() && !is_digit(text[end]) && text[end] != '.') ++end;
    std::string_view unit = text.substr(digits, end - digits);
    // Blanks between the parts are fine: "1m 30s".
    unit = base::trim(unit);
    const double scale = unit_nanoseconds(unit);
    if (scale == 0) return {};
    total += *number * scale;
    text.remove_prefix(end);
  }
  if (total > 9.2e18) return {};
  const auto count = static_cast<std::int64_t>(std::llround(total));
  return base::Duration(negative ? -count : count);
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
  std::size_t digits = 0;
  while (digits < text.size() && (is_digit(text[digits]) || text[digits] == '.')) ++digits;
  const auto number = base::parse_double(text.substr(0, digits));
  if (!number) return {};
  std::string unit;
  for (const char c : base::trim(text.substr(digits))) {
    unit += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  double scale = 1;
  std::string_view rest = unit;
  static constexpr std::string_view kPrefixes = "kmgtp";
  if (!rest.empty() && kPrefixes.find(rest[0]) != std::string_view::npos) {
    scale = std::pow(1024.0, static_cast<double>(kPrefixes.find(rest[0]) + 1));
    rest.remove_prefix(1);
    if (base::starts_with(rest, "i")) rest.remove_prefix(1);
  }
  if (!rest.empty() && rest != "b") return {};
  const double value = *number * scale;
  if (value > 9.2e18) return {};
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
