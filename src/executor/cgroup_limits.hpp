// The limits of one group, written and read back: v1 and v2 files from the same spec::Limits.
// Internal to the cgroup files.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "executor/cgroup.hpp"

namespace executor {

struct LimitTarget {
  std::string path;    // relative
  bool fresh = false;  // just made: nothing to undo
};
// Throws base::Error naming the limit, the value and the file.
void apply_limits(const LimitTarget& target, const spec::Limits& limits);

inline constexpr std::int64_t kCpuPeriod = 100000;  // microseconds, the kernel's own default
struct CpuQuota {
  std::int64_t quota = -1, period = kCpuPeriod;
};
CpuQuota cpu_quota(const spec::Limits& limits);
// The kernel's weight (1 to 10000) for shares (2 to 262144), as the other runtimes convert it.
std::uint64_t weight_of(std::uint64_t shares);
// Total of memory and swap as docker has it: twice the memory unless said otherwise. -1: without
// limit. There must be a memory limit.
std::int64_t memory_and_swap(const spec::Limits& limits);
// The numbers of a list like "0-2,5"; a malformed part is the kernel's to refuse.
std::set<unsigned> cpus_of(const std::string& list);

// Directory of the group in the hierarchy of `controller`, or empty when there is none.
std::string controller_dir(const std::string& path, const std::string& controller);

}  // namespace executor
