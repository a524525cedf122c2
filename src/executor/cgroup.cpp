#include "executor/cgroup.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <set>

#include "base/crash_point.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/sys.hpp"
#include "base/text.hpp"
#include "executor/cgroup_limits.hpp"
#include "executor/devices.hpp"

namespace executor {

namespace {

using Hierarchy = CgroupHost::Hierarchy;

bool has(const Hierarchy& hierarchy, const char* controller) {
  return std::find(hierarchy.controllers.begin(), hierarchy.controllers.end(), controller) !=
         hierarchy.controllers.end();
}

// The controllers of v2 that we set limits with.
constexpr const char* kOurs[] = {"cpu", "cpuset", "memory", "pids"};

bool uses_v2_controllers(const Hierarchy& hierarchy) {
  return std::any_of(std::begin(kOurs), std::end(kOurs),
                     [&](const char* name) { return has(hierarchy, name); });
}

// A child of `dir` has a controller's files only when `dir` hands it down.
void hand_down(const Hierarchy& hierarchy, const std::string& dir) {
  const std::string file = dir + "/cgroup.subtree_control";
  const std::string enabled = base::cat(" ", base::trim(base::read_file(file)), " ");
  std::string wanted;
  for (const char* name : kOurs) {
    if (!has(hierarchy, name)) continue;
    if (enabled.find(base::cat(" ", name, " ")) != std::string::npos) continue;
    wanted += base::cat(wanted.empty() ? "+" : " +", name);
  }
  if (wanted.empty()) return;
  const base::Fd fd = base::sys::open(file, O_WRONLY);
  if (::write(fd.get(), wanted.data(), wanted.size()) < 0) {
    const std::string hint =
        errno == EBUSY
            ? "processes run directly in that group: set STACK_CGROUP_PARENT to a delegated one"
            : "the machine must delegate these controllers";
    throw base::SysError(errno, base::cat("enable ", wanted, " in"), file, hint);
  }
}

bool lacks_cpus(const std::string& dir) {
  return base::trim(base::read_file(dir + "/cpuset.cpus")).empty();
}

// A v1 cpuset is unusable until it has CPUs and memory nodes. clone_children on our topmost group
// makes the kernel copy them for every group below: no writes a container. The CPUs come last: a
// group that has them has both, and one made by a process that died here is known by their lack.
void prepare_cpuset(const std::string& dir) {
  const std::string parent = base::parent_dir(dir);
  if (lacks_cpus(parent)) prepare_cpuset(parent);
  for (const char* file : {"/cpuset.mems", "/cpuset.cpus"}) {
    const std::string own(base::trim(base::read_file(dir + file)));
    if (own.empty()) {
      base::write_kernel(dir + file, base::trim(base::read_file(parent + file)));
    }
  }
  base::write_kernel(dir + "/cgroup.clone_children", "1");
}

// False: it went from under our feet, for whoever leaves last removes the groups above.
bool ready_cpuset(const std::string& dir) {
  try {
    // A group above that another program made may not hand its CPUs down.
    if (lacks_cpus(dir)) prepare_cpuset(dir);
    return true;
  } catch (const base::SysError& error) {
    if (error.errnum() != ENODEV && error.errnum() != ENOENT) throw;
    return false;
  }
}

// True when the group was made now. Groups above it are made and prepared as needed.
bool make_group(const Hierarchy& hierarchy, const std::string& path) {
  const std::string dir = hierarchy.mount + path;
  const bool cpuset = !hierarchy.v2 && has(hierarchy, "cpuset");
  CRASH_POINT("cgroup/mkdir/before");
  const bool made = ::mkdir(dir.c_str(), 0755) == 0;
  if (made || errno == EEXIST) {
    if (made) CRASH_POINT("cgroup/mkdir/after");
    if (cpuset && !ready_cpuset(dir)) return make_group(hierarchy, path);
    return made;
  }
  if (errno != ENOENT) base::throw_errno("mkdir", dir);
  const std::string above = base::parent_dir(path);
  if (above == "/" || above == ".") base::throw_errno("mkdir", dir);
  make_group(hierarchy, above);
  return make_group(hierarchy, path);
}

void hand_down_along(const Hierarchy& hierarchy, const std::string& path) {
  std::vector<std::string> dirs;
  for (std::string at = base::parent_dir(path); at != "/" && at != "."; at = base::parent_dir(at)) {
    dirs.push_back(hierarchy.mount + at);
  }
  dirs.push_back(hierarchy.mount);
  for (auto dir = dirs.rbegin(); dir != dirs.rend(); ++dir) hand_down(hierarchy, *dir);
}

std::string rule_text(const DeviceRule& rule) {
  const auto number = [](std::int64_t value) {
    return value < 0 ? std::string("*") : std::to_string(value);
  };
  return base::cat(rule.type, " ", number(rule.major), ":", number(rule.minor), " ", rule.access);
}

void devices_v1(const std::string& dir, const CgroupSettings& settings,
                const std::vector<DeviceRule>& rules, bool fresh) {
  std::set<std::string> wanted;
  if (settings.all_devices) {
    if (fresh) return;
    wanted.insert("a *:* rwm");
  }
  for (const DeviceRule& rule : rules) {
    if (!settings.all_devices) wanted.insert(rule_text(rule));
  }
  if (!fresh) {
    std::set<std::string> now;
    for (const std::string& line : base::split(base::read_file(dir + "/devices.list"), '\n')) {
      if (!line.empty()) now.insert(line);
    }
    if (now == wanted) return;
  }
  const base::Fd deny = base::sys::open(dir + "/devices.deny", O_WRONLY);
  if (::write(deny.get(), "a", 1) < 0) base::throw_errno("write", dir + "/devices.deny");
  const base::Fd allow = base::sys::open(dir + "/devices.allow", O_WRONLY);
  for (const std::string& rule : wanted) {
    if (::write(allow.get(), rule.data(), rule.size()) < 0) {
      throw base::SysError(errno, base::cat("allow device ", rule, " in"), dir + "/devices.allow",
                           "the group above may not allow it");
    }
  }
}

void apply_devices(const std::string& path, const CgroupSettings& settings, bool fresh) {
  std::vector<DeviceRule> rules = standard_devices();
  rules.insert(rules.end(), settings.devices.begin(), settings.devices.end());
  const CgroupHost& host = CgroupHost::get();
  if (const Hierarchy* v1 = host.with("devices"); v1 != nullptr) {
    devices_v1(v1->mount + path, settings, rules, fresh);
    return;
  }
  for (const Hierarchy& hierarchy : host.hierarchies) {
    if (!hierarchy.v2) continue;
    if (!settings.all_devices) {
      attach_device_filter(hierarchy.mount + path, rules);
    } else if (!fresh) {
      detach_device_filter(hierarchy.mount + path);
    }
    return;
  }
  if (settings.all_devices) return;
  throw base::Error("no cgroup file system is mounted: devices cannot be confined",
                    "mount cgroup2 at /sys/fs/cgroup");
}

void sleep_for(base::Duration duration) {
  timespec time{};
  time.tv_nsec = static_cast<long>(duration.count());
  ::nanosleep(&time, nullptr);
}

void pids_below(const std::string& dir, std::set<int>& out) {
  const auto text = [&]() -> std::optional<std::string> {
    try {
      return base::try_read_file(dir + "/cgroup.procs");
    } catch (const base::SysError&) {  // ENODEV: removed meanwhile
      return {};
    }
  }();
  if (!text) return;
  for (const std::string& line : base::split(*text, '\n')) {
    const auto pid = base::parse_int(line);
    if (pid && *pid > 0) out.insert(static_cast<int>(*pid));  // 0: of another pid namespace
  }
  // Links in the count: a folder without sub-folders has two.
  struct stat info {};
  if (::stat(dir.c_str(), &info) != 0 || info.st_nlink <= 2) return;
  for (const std::string& name : base::list_dir(dir)) {
    const std::string child = base::cat(dir, "/", name);
    if (base::is_directory(child)) pids_below(child, out);
  }
}

// Hierarchies to look for processes in: v2 has every process from its birth on; without it, each
// could have one that died between two writes.
std::vector<const Hierarchy*> where_processes_are() {
  std::vector<const Hierarchy*> out;
  for (const Hierarchy& hierarchy : CgroupHost::get().hierarchies) {
    if (hierarchy.v2) return {&hierarchy};
    out.push_back(&hierarchy);
  }
  return out;
}

bool remove_groups(const std::string& dir) {
  CRASH_POINT("cgroup/rmdir");
  if (::rmdir(dir.c_str()) == 0 || errno == ENOENT) return true;
  if (errno != EBUSY && errno != ENOTEMPTY) base::throw_errno("rmdir", dir);
  for (const std::string& name : base::list_dir(dir)) {
    const std::string child = base::cat(dir, "/", name);
    if (base::is_directory(child)) remove_groups(child);
  }
  return ::rmdir(dir.c_str()) == 0 || errno == ENOENT;
}

std::uint64_t read_number(const std::string& file) {
  const auto text = base::try_read_file(file);
  return text ? base::parse_uint(base::trim(*text)).value_or(0) : 0;
}

// "key value" lines.
std::uint64_t read_keyed(const std::string& file, const std::string& key) {
  const auto text = base::try_read_file(file);
  if (!text) return 0;
  for (const std::string& line : base::split(*text, '\n')) {
    if (base::starts_with(line, key + " ")) {
      return base::parse_uint(line.substr(key.size() + 1)).value_or(0);
    }
  }
  return 0;
}

}  // namespace

void ensure_cgroup(const std::string& path, const CgroupSettings& settings) {
  bool fresh = true;
  for (const Hierarchy& hierarchy : CgroupHost::get().hierarchies) {
    if (!make_group(hierarchy, path)) fresh = false;
    if (hierarchy.v2 && uses_v2_controllers(hierarchy)) hand_down_along(hierarchy, path);
  }
  CRASH_POINT("cgroup/limits/before");
  apply_limits({path, fresh}, settings.limits);
  CRASH_POINT("cgroup/limits/after");
  apply_devices(path, settings, fresh);
  CRASH_POINT("cgroup/devices/after");
}

CgroupJoin open_cgroup(const std::string& path) {
  CgroupJoin out;
  for (const Hierarchy& hierarchy : CgroupHost::get().hierarchies) {
    if (hierarchy.v2) {
      out.v2_dir = base::sys::open(hierarchy.mount + path, O_PATH | O_DIRECTORY);
    } else {
      // `tasks`, not cgroup.procs: a thread that moves itself alone spares the kernel the global
      // lock of thread groups and its RCU grace period (milliseconds, growing with contention).
      out.procs.push_back(base::sys::open(hierarchy.mount + path + "/tasks", O_WRONLY));
    }
  }
  return out;
}

namespace {

// The group of a process on one hierarchy, from the text of /proc/PID/cgroup ("4:memory:/a/b", v2:
// "0::/a/b").
std::string group_in(const std::string& text, const Hierarchy& hierarchy) {
  for (const std::string& line : base::split(text, '\n')) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (hierarchy.v2 ? !controllers.empty() : controllers.empty()) continue;
    bool same = hierarchy.v2;
    for (const std::string& controller : base::split(controllers, ',')) {
      same = same || has(hierarchy, controller.c_str());
    }
    if (same) return line.substr(second + 1);
  }
  return "/";
}

}  // namespace

void leave_callers_cgroups(const std::string& path) {
  const std::string own = base::read_file("/proc/self/cgroup");
  for (const Hierarchy& hierarchy : CgroupHost::get().hierarchies) {
    const std::string group = group_in(own, hierarchy);
    if (group == "/" || group == path) continue;
    make_group(hierarchy, path);
    // `tasks` where there is one: see open_cgroup.
    base::write_kernel(base::cat(hierarchy.mount, path, hierarchy.v2 ? "/cgroup.procs" : "/tasks"),
                       "0");
  }
}

void return_to_root_cgroup(const std::string& path, int pid) {
  const auto groups = base::try_read_file(base::cat("/proc/", pid, "/cgroup"));
  if (!groups) return;
  for (const Hierarchy& hierarchy : CgroupHost::get().hierarchies) {
    if (group_in(*groups, hierarchy) != path) continue;
    base::write_kernel(base::cat(hierarchy.mount, hierarchy.v2 ? "/cgroup.procs" : "/tasks"),
                       std::to_string(pid));
  }
}

std::vector<int> cgroup_pids(const std::string& path) {
  std::set<int> pids;
  for (const Hierarchy* hierarchy : where_processes_are())
    pids_below(hierarchy->mount + path, pids);
  return {pids.begin(), pids.end()};
}

std::vector<std::string> cgroup_children(const std::string& path) {
  std::set<std::string> names;
  for (const Hierarchy& hierarchy : CgroupHost::get().hierarchies) {
    const std::string dir = hierarchy.mount + path;
    struct stat info {};
    if (::stat(dir.c_str(), &info) != 0 || info.st_nlink <= 2) continue;
    for (const std::string& name : base::list_dir(dir)) {
      if (names.count(name) == 0 && base::is_directory(base::cat(dir, "/", name))) {
        names.insert(name);
      }
    }
  }
  return {names.begin(), names.end()};
}

void kill_cgroup(const std::string& path) {
  CRASH_POINT("cgroup/kill/before");
  for (const Hierarchy& hierarchy : CgroupHost::get().hierarchies) {
    if (!hierarchy.v2) continue;
    const base::Fd fd(
        ::open(base::cat(hierarchy.mount, path, "/cgroup.kill").c_str(), O_WRONLY | O_CLOEXEC));
    if (fd && ::write(fd.get(), "1", 1) == 1) return;
  }
  // Frozen, nothing can fork away between the list and the signal.
  const std::vector<int> first = cgroup_pids(path);
  if (first.empty()) return;
  try {
    freeze_cgroup(path, true);
  } catch (const base::Error&) {
    // Without a freezer: the loop below catches what forked meanwhile.
  }
  for (int round = 0; round < 100; ++round) {
    const std::vector<int> pids = cgroup_pids(path);
    if (pids.empty()) break;
    for (const int pid : pids) ::kill(pid, SIGKILL);
    if (round == 0) {
      try {
        freeze_cgroup(path, false);
      } catch (const base::Error&) {
        continue;
      }
    }
    sleep_for(std::chrono::milliseconds(2));
  }
}

void freeze_cgroup(const std::string& path, bool frozen) {
  for (const Hierarchy& hierarchy : CgroupHost::get().hierarchies) {
    if (!hierarchy.v2) continue;
    const std::string file = base::cat(hierarchy.mount, path, "/cgroup.freeze");
    if (!base::exists(file)) continue;
    base::write_kernel(file, frozen ? "1" : "0");
    return;
  }
  const std::string dir = controller_dir(path, "freezer");
  if (dir.empty()) {
    throw base::Error("this machine has no cgroup freezer",
                      "mount cgroup2 or the v1 freezer controller");
  }
  base::write_kernel(dir + "/freezer.state", frozen ? "FROZEN" : "THAWED");
}

void remove_cgroup(const std::string& path, base::Duration deadline) {
  const base::Duration end = base::sys::monotonic_now() + deadline;
  base::Duration pause = std::chrono::microseconds(200);
  while (true) {
    std::string busy;
    for (const Hierarchy& hierarchy : CgroupHost::get().hierarchies) {
      const std::string dir = hierarchy.mount + path;
      if (!remove_groups(dir)) busy = dir;
    }
    if (busy.empty()) return;
    if (base::sys::monotonic_now() >= end) {
      throw base::SysError(EBUSY, "rmdir", busy, "processes are still inside");
    }
    // A dead process leaves its group only when the kernel has taken it apart.
    sleep_for(pause);
    pause = std::min<base::Duration>(pause * 2, std::chrono::milliseconds(10));
  }
}

void remove_empty_cgroup(const std::string& path) {
  if (path.empty() || path == "/") return;
  for (const Hierarchy& hierarchy : CgroupHost::get().hierarchies) {
    CRASH_POINT("cgroup/parent/rmdir");
    ::rmdir((hierarchy.mount + path).c_str());
  }
}

CgroupUsage cgroup_usage(const std::string& path) {
  CgroupUsage out;
  const CgroupHost& host = CgroupHost::get();
  if (const Hierarchy* memory = host.with("memory"); memory != nullptr) {
    const std::string dir = memory->mount + path;
    if (memory->v2) {
      out.memory_bytes = read_number(dir + "/memory.current");
      out.memory_limit = read_number(dir + "/memory.max");  // "max": 0
      out.oom_kills = read_keyed(dir + "/memory.events", "oom_kill");
    } else {
      out.memory_bytes = read_number(dir + "/memory.usage_in_bytes");
      out.memory_limit = read_number(dir + "/memory.limit_in_bytes");
      if (out.memory_limit >= 1ULL << 62U) out.memory_limit = 0;
      out.oom_kills = read_keyed(dir + "/memory.oom_control", "oom_kill");
    }
  }
  if (const std::string dir = controller_dir(path, "cpuacct"); !dir.empty()) {
    out.cpu_usec = read_number(dir + "/cpuacct.usage") / 1000;
  } else {
    for (const Hierarchy& hierarchy : host.hierarchies) {
      if (hierarchy.v2)
        out.cpu_usec = read_keyed(hierarchy.mount + path + "/cpu.stat", "usage_usec");
    }
  }
  if (const std::string dir = controller_dir(path, "pids"); !dir.empty()) {
    out.pids = read_number(dir + "/pids.current");
  }
  return out;
}

}  // namespace executor
