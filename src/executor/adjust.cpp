#include "executor/adjust.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <set>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/sys.hpp"
#include "base/text.hpp"
#include "executor/cgroup.hpp"
#include "executor/compile.hpp"
#include "netfab/netns.hpp"
#include "netfab/sysctl.hpp"

namespace executor {

namespace {

using planner::Container;

// A child made between the look and the change has its parent's old value: looked for until none is
// new. Bounded, for a container may fork faster than we look.
void each_process(const std::string& cgroup, const std::function<void(int)>& change) {
  std::set<int> done;
  for (int round = 0; round < 20; ++round) {
    bool fresh = false;
    for (const int pid : cgroup_pids(cgroup)) {
      if (!done.insert(pid).second) continue;
      fresh = true;
      change(pid);
    }
    if (!fresh) return;
  }
}

bool has_gone(int error) {
  return error == ESRCH || error == ENOENT;
}

void set_limits(const Container& before, const Container& after, const std::string& cgroup) {
  for (const auto& [name, limit] : after.ulimits) {
    const auto old = before.ulimits.find(name);
    if (old != before.ulimits.end() && old->second == limit) continue;
    const auto resource = static_cast<__rlimit_resource>(resource_of(after, name));
    const auto value = [](std::int64_t n) {
      return n < 0 ? RLIM_INFINITY : static_cast<rlim_t>(n);
    };
    const rlimit wanted{value(limit.soft), value(limit.hard)};
    each_process(cgroup, [&, &key = name](int pid) {
      if (::prlimit(pid, resource, &wanted, nullptr) == 0 || has_gone(errno)) return;
      const int error = errno;
      throw base::Error(base::cat("ulimit ", key, " of a running process cannot be changed",
                                  place_of(after), ": ", base::errno_text(error)),
                        error == EPERM ? "raising a hard limit needs CAP_SYS_RESOURCE" : "");
    });
  }
}

// What a process has when nobody says anything: ours, from whom it comes.
std::string usual_score() {
  return std::string(base::trim(base::try_read_file("/proc/self/oom_score_adj").value_or("0")));
}

void set_score(const Container& after, const std::string& cgroup) {
  const std::string score =
      after.oom_score_adj ? std::to_string(*after.oom_score_adj) : usual_score();
  each_process(cgroup, [&](int pid) {
    const base::Fd fd(
        ::open(base::cat("/proc/", pid, "/oom_score_adj").c_str(), O_WRONLY | O_CLOEXEC));
    if (fd && ::write(fd.get(), score.data(), score.size()) >= 0) return;
    const int error = errno;
    if (has_gone(error)) return;
    throw base::Error(base::cat("oom_score_adj = ", score, " of a running process is refused",
                                place_of(after), ": ", base::errno_text(error)),
                      error == EACCES ? "lowering it needs CAP_SYS_RESOURCE" : "");
  });
}

void set_sysctls(const Container& before, const Container& after, const std::string& netns) {
  std::vector<std::pair<std::string, std::string>> wanted;
  for (const auto& [key, value] : after.sysctls) {
    const auto old = before.sysctls.find(key);
    if (old != before.sysctls.end() && old->second == value) continue;
    wanted.emplace_back(sysctl_path(after, key), value);
  }
  if (wanted.empty() || netns.empty()) return;
  netfab::in_netns(netfab::open_netns(netns), [&] {
    for (const auto& [path, value] : wanted) netfab::set_sysctl(path, value);
  });
}

}  // namespace

void adjust_running(const Container& before, const Container& after,
                    const RunningContainer& where) {
  if (before.ulimits != after.ulimits) set_limits(before, after, where.cgroup);
  if (before.oom_score_adj != after.oom_score_adj) set_score(after, where.cgroup);
  if (before.sysctls != after.sysctls) set_sysctls(before, after, where.netns);
}

}  // namespace executor
