// Small text helpers that more than one room needs: joining, splitting, edit distance,
// durations and sizes as people write them. Pure functions, no locale.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace base {

using Duration = std::chrono::nanoseconds;

inline void append_piece(std::string& out, std::string_view piece) {
  out.append(piece);
}
inline void append_piece(std::string& out, char piece) {
  out.push_back(piece);
}
template <std::integral T>
requires(!std::same_as<T, char>) void append_piece(std::string& out, T piece) {
  out.append(std::to_string(piece));
}

// cat("port ", 80, " is taken"): concatenation without streams or format strings.
template <class... Pieces>
std::string cat(const Pieces&... pieces) {
  std::string out;
  (append_piece(out, pieces), ...);
  return out;
}

std::vector<std::string> split(std::string_view text, char separator);
std::string join(std::span<const std::string> parts, std::string_view separator);
std::string_view trim(std::string_view text);
bool starts_with(std::string_view text, std::string_view prefix);

// Whole text as a number in base 10; nothing when it is not one or does not fit.
std::optional<std::int64_t> parse_int(std::string_view text);
std::optional<std::uint64_t> parse_uint(std::string_view text);
std::optional<double> parse_double(std::string_view text);

// The candidate nearest to `wrong` by edit distance, or empty when none is near (distance
// above a third of the length).
std::string nearest(std::string_view wrong, std::span<const std::string> candidates);

// "1.2s", "350ms", "2m10s": for people.
std::string human_duration(Duration d);
// "12.3MB" with powers of 1000 as docker prints them.
std::string human_size(std::uint64_t bytes);
// Seconds since the epoch as RFC 3339 with nanoseconds, UTC.
std::string rfc3339(std::chrono::system_clock::time_point t);

// Hex digits of a 64-bit FNV-1a hash: names of kernel objects, never security.
std::string short_hash(std::string_view text, std::size_t digits = 8);

// Quotes a word for display when it holds anything a shell would take apart.
std::string shell_quote(std::string_view word);

}  // namespace base
