// Limits and freezers of a group, read back and compared with what apply_limits() would make.
#include <algorithm>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "executor/cgroup_limits.hpp"
#include "executor/look.hpp"

namespace executor {

namespace {

constexpr std::uint64_t kWithoutLimit = 1ULL << 62U;  // what v1 says is rounded down from 2^63

class LimitLook {
 public:
  LimitLook(std::string group, std::vector<netfab::Difference>& out)
      : group_(std::move(group)), out_(out) {}

  // Reads `file` of the hierarchy that has `controller`; false where there is none.
  bool read(const char* controller, const char* v1, const char* v2) {
    const CgroupHost::Hierarchy* hierarchy = CgroupHost::get().with(controller);
    if (hierarchy == nullptr) return false;
    v2_ = hierarchy->v2;
    const char* file = v2_ ? v2 : v1;
    if (file == nullptr) return false;
    try {
      const auto text = base::try_read_file(base::cat(hierarchy->mount, group_, "/", file));
      if (!text) return false;
      found_ = std::string(base::trim(*text));
    } catch (const base::SysError&) {  // removed while we looked
      return false;
    }
    return true;
  }
  // Bytes, in pages; nothing: without limit.
  void expect_bytes(const char* name, std::optional<std::uint64_t> wanted) {
    const std::uint64_t found =
        found_ == "max" ? kWithoutLimit : base::parse_uint(found_).value_or(kWithoutLimit);
    const std::uint64_t wish = wanted.value_or(kWithoutLimit);
    if (wish >= kWithoutLimit ? found >= kWithoutLimit
                              : found <= wish && wish - found < (64U << 10U)) {
      return;
    }
    differ(name, wanted ? std::to_string(*wanted) : std::string("none"));
  }
  void expect(const char* name, const std::string& wanted) {
    if (found_ != wanted) differ(name, wanted);
  }
  void differ(const char* name, const std::string& wanted) {
    out_.push_back({name, wanted, found_});
  }
  [[nodiscard]] bool v2() const { return v2_; }
  [[nodiscard]] const std::string& found() const { return found_; }

 private:
  std::string group_, found_;
  std::vector<netfab::Difference>& out_;
  bool v2_ = false;
};

void look_at_memory(LimitLook& look, const spec::Limits& limits) {
  if (look.read("memory", "memory.limit_in_bytes", "memory.max")) {
    look.expect_bytes("mem_limit", limits.memory);
  }
  if (limits.memory) {
    const std::int64_t total = memory_and_swap(limits);
    if (look.read("memory", "memory.memsw.limit_in_bytes", "memory.swap.max")) {
      std::optional<std::uint64_t> wish;
      if (total > 0) wish = static_cast<std::uint64_t>(total) - (look.v2() ? *limits.memory : 0);
      look.expect_bytes("memswap_limit", wish);
    }
  }
  if (limits.memory_reservation &&
      look.read("memory", "memory.soft_limit_in_bytes", "memory.low")) {
    look.expect_bytes("mem_reservation", limits.memory_reservation);
  }
}

void look_at_cpu(LimitLook& look, const spec::Limits& limits) {
  const CpuQuota quota = cpu_quota(limits);
  if (look.read("cpu", "cpu.cfs_quota_us", "cpu.max")) {
    if (!look.v2()) {
      look.expect("cpus", std::to_string(quota.quota));
      if (quota.quota > 0 && look.read("cpu", "cpu.cfs_period_us", nullptr)) {
        look.expect("cpu_period", std::to_string(quota.period));
      }
    } else if (quota.quota > 0) {
      look.expect("cpus", base::cat(quota.quota, " ", quota.period));
    } else if (!base::starts_with(look.found(), "max")) {
      look.differ("cpus", "none");
    }
  }
  if (limits.cpu_shares && *limits.cpu_shares > 0 && look.read("cpu", "cpu.shares", "cpu.weight")) {
    look.expect("cpu_shares",
                std::to_string(look.v2() ? weight_of(*limits.cpu_shares) : *limits.cpu_shares));
  }
}

}  // namespace

std::vector<netfab::Difference> limit_differences(const std::string& group,
                                                  const spec::Limits& limits) {
  std::vector<netfab::Difference> out;
  LimitLook look(group, out);
  look_at_memory(look, limits);
  look_at_cpu(look, limits);
  if (look.read("pids", "pids.max", "pids.max")) {
    const bool wanted = limits.pids && *limits.pids > 0;
    look.expect("pids_limit", wanted ? std::to_string(*limits.pids) : "max");
  }
  if (!limits.cpuset.empty() && look.read("cpuset", "cpuset.cpus", "cpuset.cpus")) {
    if (cpus_of(look.found()) != cpus_of(limits.cpuset)) look.differ("cpuset", limits.cpuset);
  }
  return out;
}

bool is_frozen(const std::string& group) {
  const auto says = [](const std::string& file, const char* word) {
    try {
      const auto text = base::try_read_file(file);
      return text && base::trim(*text) == word;
    } catch (const base::SysError&) {
      return false;
    }
  };
  for (const CgroupHost::Hierarchy& hierarchy : CgroupHost::get().hierarchies) {
    if (hierarchy.v2 && says(base::cat(hierarchy.mount, group, "/cgroup.freeze"), "1")) return true;
  }
  const CgroupHost::Hierarchy* v1 = CgroupHost::get().with("freezer");
  return v1 != nullptr && !v1->v2 && says(base::cat(v1->mount, group, "/freezer.state"), "FROZEN");
}

void thaw_everywhere(const std::string& group) {
  for (const CgroupHost::Hierarchy& hierarchy : CgroupHost::get().hierarchies) {
    const std::string file = base::cat(hierarchy.mount, group, "/cgroup.freeze");
    if (hierarchy.v2 && base::exists(file)) base::write_kernel(file, "0");
  }
  const CgroupHost::Hierarchy* v1 = CgroupHost::get().with("freezer");
  if (v1 == nullptr || v1->v2) return;
  const std::string file = base::cat(v1->mount, group, "/freezer.state");
  if (base::exists(file)) base::write_kernel(file, "THAWED");
}

}  // namespace executor
