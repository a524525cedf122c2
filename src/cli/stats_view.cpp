#include "cli/stats_view.hpp"

#include <array>
#include <cstdio>

namespace cli {

namespace {

std::string scaled(std::uint64_t bytes, double step, int digits,
                   const std::array<const char*, 6>& units) {
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= step && unit + 1 < units.size()) {
    value /= step;
    ++unit;
  }
  std::array<char, 64> out{};
  std::snprintf(out.data(), out.size(), "%.*g%s", digits, value, units[unit]);
  return out.data();
}

std::string percent(double part, double whole) {
  std::array<char, 64> out{};
  std::snprintf(out.data(), out.size(), "%.2f%%", whole > 0 ? 100.0 * part / whole : 0.0);
  return out.data();
}

}  // namespace

std::string binary_size(std::uint64_t bytes) {
  return scaled(bytes, 1024, 4, {"B", "KiB", "MiB", "GiB", "TiB", "PiB"});
}

std::string decimal_size(std::uint64_t bytes) {
  return scaled(bytes, 1000, 3, {"B", "kB", "MB", "GB", "TB", "PB"});
}

FieldValues stats_heads() {
  return {{"ID", "CONTAINER ID"},   {"Name", "NAME"},
          {"CPUPerc", "CPU %"},     {"MemUsage", "MEM USAGE / LIMIT"},
          {"MemPerc", "MEM %"},     {"NetIO", "NET I/O"},
          {"BlockIO", "BLOCK I/O"}, {"PIDs", "PIDS"}};
}

FieldValues stats_fields(const StatsRow& row, bool whole_ids) {
  const executor::Usage& now = row.now;
  const auto used = now.cpu_nanoseconds > row.before.cpu_nanoseconds
                        ? static_cast<double>(now.cpu_nanoseconds - row.before.cpu_nanoseconds)
                        : 0.0;
  return {
      {"ID", whole_ids ? row.name : row.name.substr(0, 12)},
      {"Name", row.name},
      {"Container", row.name},
      {"CPUPerc", percent(used, static_cast<double>(row.passed.count()))},
      {"MemUsage", binary_size(now.memory) + " / " + binary_size(now.memory_limit)},
      {"MemPerc", percent(static_cast<double>(now.memory), static_cast<double>(now.memory_limit))},
      {"NetIO", decimal_size(now.received) + " / " + decimal_size(now.sent)},
      {"BlockIO", decimal_size(now.block_read) + " / " + decimal_size(now.block_written)},
      {"PIDs", std::to_string(now.pids)}};
}

}  // namespace cli
