#include "executor/cgroup_limits.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <set>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/sys.hpp"
#include "base/text.hpp"

namespace executor {

namespace {

constexpr std::int64_t kMinQuota = 1000;
constexpr std::uint64_t kMostCpus = 65536;  // more than any kernel is built for

std::uint64_t page_size() {
  static const auto size = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

std::string read_value(const std::string& file) {
  return std::string(base::trim(base::read_file(file)));
}

[[noreturn]] void refused(const std::string& limit, const std::string& value,
                          const std::string& file, int errnum) {
  std::string hint = "the value may be above what this machine or a group above allows";
  if (errnum == EBUSY) hint = "more is in use right now than the new limit allows";
  throw base::SysError(errnum, base::cat("limit ", limit, " = ", value, ": write"), file, hint);
}

void put(const std::string& limit, const std::string& file, const std::string& value) {
  const base::Fd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd || ::write(fd.get(), value.data(), value.size()) < 0) refused(limit, value, file, errno);
}

void check(const std::string& limit, const std::string& file, const std::string& wanted,
           const std::string& got) {
  if (wanted == got) return;
  throw base::Error(base::cat("limit ", limit, " = ", wanted, " was changed by the kernel to ", got,
                              " (", file, ")"),
                    "choose a value that this machine can give");
}

// Memory is counted in pages: anything less than a page lower is the same.
void put_bytes(const std::string& limit, const std::string& file, std::uint64_t value) {
  put(limit, file, std::to_string(value));
  const std::string got = read_value(file);
  const auto number = base::parse_uint(got);
  if (number && *number <= value && value - *number < page_size()) return;
  // Values at the top are all "without limit".
  if ((number && *number > (1ULL << 62U) && value > (1ULL << 62U)) || got == "max") return;
  check(limit, file, std::to_string(value), got);
}

void put_exact(const std::string& limit, const std::string& file, const std::string& value) {
  put(limit, file, value);
  check(limit, file, value, read_value(file));
}

const CgroupHost::Hierarchy& require(const std::string& limit, const std::string& controller) {
  const CgroupHost::Hierarchy* found = CgroupHost::get().with(controller);
  if (found != nullptr) return *found;
  throw base::Error(
      base::cat("limit ", limit, " cannot be set: this machine has no cgroup controller \"",
                controller, "\""),
      "mount the controller, or remove the limit from the stack file");
}

// A limit that went away: back to none, when the file is there.
void clear(const std::string& file, const std::string& none) {
  if (!base::exists(file) || read_value(file) == none) return;
  const base::Fd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (fd && ::write(fd.get(), none.data(), none.size()) < 0) refused("none", none, file, errno);
}

void check_swap(const spec::Limits& limits) {
  if (!limits.memory_swap || *limits.memory_swap <= 0) return;
  if (!limits.memory) {
    throw base::Error("limit memswap_limit needs mem_limit", "set mem_limit as well");
  }
  if (static_cast<std::uint64_t>(*limits.memory_swap) < *limits.memory) {
    throw base::Error(base::cat("limit memswap_limit = ", *limits.memory_swap,
                                " is below mem_limit = ", *limits.memory),
                      "memswap_limit is memory plus swap: make it at least mem_limit");
  }
}

void memory_v1(const std::string& dir, const LimitTarget& target, const spec::Limits& limits) {
  const std::string memory = dir + "/memory.limit_in_bytes";
  const std::string both = dir + "/memory.memsw.limit_in_bytes";
  const bool counts_swap = base::exists(both);
  if (limits.memory_swap && *limits.memory_swap > 0 && !counts_swap) {
    throw base::Error("limit memswap_limit cannot be set: the kernel does not account swap",
                      "boot with swapaccount=1, or remove memswap_limit");
  }
  if (!target.fresh && counts_swap) clear(both, "-1");  // first, or memory could not grow past it
  if (limits.memory) {
    put_bytes("mem_limit", memory, *limits.memory);
    const std::int64_t total = memory_and_swap(limits);
    if (counts_swap && total > 0) {
      put_bytes("memswap_limit", both, static_cast<std::uint64_t>(total));
    }
  } else if (!target.fresh) {
    clear(memory, "-1");
  }
  const std::string soft = dir + "/memory.soft_limit_in_bytes";
  if (limits.memory_reservation) {
    put_bytes("mem_reservation", soft, *limits.memory_reservation);
  } else if (!target.fresh) {
    clear(soft, "-1");
  }
}

void memory_v2(const std::string& dir, const LimitTarget& target, const spec::Limits& limits) {
  const std::string swap = dir + "/memory.swap.max";
  if (limits.memory) {
    put_bytes("mem_limit", dir + "/memory.max", *limits.memory);
    const std::int64_t total = memory_and_swap(limits);
    if (base::exists(swap)) {
      if (total < 0) {
        put_exact("memswap_limit", swap, "max");
      } else {
        put_bytes("memswap_limit", swap, static_cast<std::uint64_t>(total) - *limits.memory);
      }
    } else if (limits.memory_swap && total > 0) {
      throw base::Error("limit memswap_limit cannot be set: the kernel does not account swap");
    }
  } else if (!target.fresh) {
    clear(dir + "/memory.max", "max");
    clear(swap, "max");
  }
  if (limits.memory_reservation) {
    put_bytes("mem_reservation", dir + "/memory.low", *limits.memory_reservation);
  } else if (!target.fresh) {
    clear(dir + "/memory.low", "0");
  }
}

void apply_memory(const LimitTarget& target, const spec::Limits& limits) {
  const bool wanted =
      limits.memory || limits.memory_reservation || limits.memory_swap.value_or(0) > 0;
  if (!wanted && target.fresh) return;
  check_swap(limits);
  const CgroupHost::Hierarchy* hierarchy = CgroupHost::get().with("memory");
  if (hierarchy == nullptr && !wanted) return;
  if (hierarchy == nullptr) hierarchy = &require("mem_limit", "memory");
  const std::string dir = hierarchy->mount + target.path;
  if (hierarchy->v2) {
    memory_v2(dir, target, limits);
  } else {
    memory_v1(dir, target, limits);
  }
}

void apply_cpu(const LimitTarget& target, const spec::Limits& limits) {
  const CpuQuota quota = cpu_quota(limits);
  const bool shares = limits.cpu_shares && *limits.cpu_shares > 0;
  const bool wanted = quota.quota > 0 || shares;
  if (!wanted && target.fresh) return;
  const CgroupHost::Hierarchy* hierarchy = CgroupHost::get().with("cpu");
  if (hierarchy == nullptr && !wanted) return;
  if (hierarchy == nullptr) hierarchy = &require(shares ? "cpu_shares" : "cpus", "cpu");
  const std::string dir = hierarchy->mount + target.path;
  if (hierarchy->v2) {
    if (quota.quota > 0) {
      put_exact("cpus", dir + "/cpu.max", base::cat(quota.quota, " ", quota.period));
    } else if (!target.fresh) {
      clear(dir + "/cpu.max", base::cat("max ", kCpuPeriod));
    }
    if (shares) {
      put_exact("cpu_shares", dir + "/cpu.weight", std::to_string(weight_of(*limits.cpu_shares)));
    } else if (!target.fresh) {
      clear(dir + "/cpu.weight", "100");
    }
    return;
  }
  if (quota.quota > 0) {
    if (quota.period != kCpuPeriod || !target.fresh) {
      // The kernel checks each write against the other value: lift the quota first.
      clear(dir + "/cpu.cfs_quota_us", "-1");
      put_exact("cpu_period", dir + "/cpu.cfs_period_us", std::to_string(quota.period));
    }
    put_exact("cpus", dir + "/cpu.cfs_quota_us", std::to_string(quota.quota));
  } else if (!target.fresh) {
    clear(dir + "/cpu.cfs_quota_us", "-1");
  }
  if (shares) {
    put_exact("cpu_shares", dir + "/cpu.shares", std::to_string(*limits.cpu_shares));
  } else if (!target.fresh) {
    clear(dir + "/cpu.shares", "1024");
  }
}

// Empty means all of the group above. The kernel takes an empty list only while nothing runs
// inside (seen on 6.1); otherwise all are named.
void every_cpu_v2(const std::string& dir) {
  const std::string file = dir + "/cpuset.cpus";
  if (read_value(file).empty()) return;
  const std::string all = read_value(base::parent_dir(dir) + "/cpuset.cpus.effective");
  const base::Fd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (fd && ::write(fd.get(), "\n", 1) == 1) return;
  if (read_value(file) != all) put("cpuset", file, all);
}

void apply_cpuset(const LimitTarget& target, const spec::Limits& limits) {
  if (limits.cpuset.empty() && target.fresh) return;
  const CgroupHost::Hierarchy* hierarchy = CgroupHost::get().with("cpuset");
  if (hierarchy == nullptr && limits.cpuset.empty()) return;
  if (hierarchy == nullptr) hierarchy = &require("cpuset", "cpuset");
  const std::string dir = hierarchy->mount + target.path;
  if (!limits.cpuset.empty()) {
    put("cpuset", dir + "/cpuset.cpus", limits.cpuset);
    // v2 takes CPUs that are not there and leaves them out. "0,1" reads back as "0-1".
    if (hierarchy->v2) {
      const std::string given = read_value(dir + "/cpuset.cpus.effective");
      const std::set<unsigned> have = cpus_of(given), wanted = cpus_of(limits.cpuset);
      if (!std::includes(have.begin(), have.end(), wanted.begin(), wanted.end())) {
        check("cpuset", dir + "/cpuset.cpus.effective", limits.cpuset, given);
      }
    }
    return;
  }
  if (hierarchy->v2) {
    every_cpu_v2(dir);
  } else {
    const std::string all = read_value(base::parent_dir(dir) + "/cpuset.cpus");
    if (read_value(dir + "/cpuset.cpus") != all) put("cpuset", dir + "/cpuset.cpus", all);
  }
}

void apply_pids(const LimitTarget& target, const spec::Limits& limits) {
  const bool wanted = limits.pids && *limits.pids > 0;
  if (!wanted && target.fresh) return;
  const CgroupHost::Hierarchy* hierarchy = CgroupHost::get().with("pids");
  if (hierarchy == nullptr && !wanted) return;
  if (hierarchy == nullptr) hierarchy = &require("pids_limit", "pids");
  const std::string file = base::cat(hierarchy->mount, target.path, "/pids.max");
  if (wanted) {
    put_exact("pids_limit", file, std::to_string(*limits.pids));
  } else {
    clear(file, "max");
  }
}

}  // namespace

std::int64_t memory_and_swap(const spec::Limits& limits) {
  if (limits.memory_swap && *limits.memory_swap != 0) return *limits.memory_swap;
  return static_cast<std::int64_t>(std::min<std::uint64_t>(*limits.memory, 1ULL << 61U)) * 2;
}

CpuQuota cpu_quota(const spec::Limits& limits) {
  CpuQuota out;
  if (limits.cpu_period && *limits.cpu_period > 0) out.period = *limits.cpu_period;
  if (limits.cpu_quota && *limits.cpu_quota > 0) out.quota = *limits.cpu_quota;
  if (limits.cpus && *limits.cpus > 0) {
    out.quota = std::llround(*limits.cpus * static_cast<double>(out.period));
    if (out.quota < kMinQuota) {
      throw base::Error(base::cat("limit cpus = ", std::to_string(*limits.cpus), " is too small"),
                        "the smallest share of a CPU the kernel can give is 0.01");
    }
  }
  return out;
}

std::uint64_t weight_of(std::uint64_t shares) {
  const std::uint64_t bounded = std::clamp<std::uint64_t>(shares, 2, 262144);
  return 1 + (bounded - 2) * 9999 / 262142;
}

std::set<unsigned> cpus_of(const std::string& list) {
  std::set<unsigned> out;
  for (const std::string& part : base::split(list, ',')) {
    const std::size_t dash = part.find('-');
    const auto first = base::parse_uint(base::trim(part.substr(0, dash)));
    const auto last = dash == std::string::npos ? first : base::parse_uint(part.substr(dash + 1));
    if (!first || !last || *last > kMostCpus) continue;
    for (std::uint64_t cpu = *first; cpu <= *last; ++cpu) out.insert(static_cast<unsigned>(cpu));
  }
  return out;
}

std::string controller_dir(const std::string& path, const std::string& controller) {
  const CgroupHost::Hierarchy* hierarchy = CgroupHost::get().with(controller);
  return hierarchy == nullptr ? std::string() : hierarchy->mount + path;
}

void apply_limits(const LimitTarget& target, const spec::Limits& limits) {
  apply_memory(target, limits);
  apply_cpu(target, limits);
  apply_cpuset(target, limits);
  apply_pids(target, limits);
}

}  // namespace executor
