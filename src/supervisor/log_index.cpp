#include "supervisor/log_index.hpp"

#include <algorithm>
#include <array>

#include "base/files.hpp"
#include "base/text.hpp"

namespace supervisor {

namespace {

constexpr std::size_t kDigits = 10;

}  // namespace

std::string segment_file(std::uint64_t number, std::string_view kind) {
  std::string digits = std::to_string(number);
  if (digits.size() < kDigits) digits.insert(0, kDigits - digits.size(), '0');
  return base::cat(digits, ".", kind);
}

std::optional<std::uint64_t> segment_number(std::string_view file, std::string_view kind) {
  const std::size_t dot = file.find('.');
  if (dot == std::string_view::npos || dot < kDigits || file.substr(dot + 1) != kind) return {};
  if (file.find_first_not_of("0123456789") != dot) return {};
  return base::parse_uint(file.substr(0, dot));
}

std::vector<std::uint64_t> list_segments(const std::string& dir) {
  std::vector<std::uint64_t> numbers;
  for (const std::string& file : base::list_dir(dir)) {
    if (const auto number = segment_number(file, "idx")) numbers.push_back(*number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

void prune_segments(const std::string& dir, unsigned keep) {
  const std::vector<std::uint64_t> numbers = list_segments(dir);
  if (numbers.empty()) return;
  const std::size_t surplus = numbers.size() > keep ? numbers.size() - keep : 0;
  for (std::size_t i = 0; i < surplus; ++i) {
    base::remove_file(dir + "/" + segment_file(numbers[i], "idx"));
  }
  if (surplus == numbers.size()) return;
  const std::uint64_t oldest = numbers[surplus];
  for (const std::string& file : base::list_dir(dir)) {
    for (const std::string_view kind : std::array<std::string_view, 2>{"out", "err"}) {
      const auto number = segment_number(file, kind);
      if (number && *number < oldest) base::remove_file(base::cat(dir, "/", file));
    }
  }
}

}  // namespace supervisor
