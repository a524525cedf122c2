// Control groups on v1 and v2 alike: one group a container, at the same relative path of every
// hierarchy. Knows files of cgroupfs; must not know containers. Source:
// Documentation/admin-guide/cgroup-v{1,2}.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "spec/stack.hpp"

namespace executor {

// Where the hierarchies are mounted. Detected once a process from /proc/self/mountinfo.
struct CgroupHost {
  struct Hierarchy {
    std::string mount;                     // "/sys/fs/cgroup/memory"
    std::vector<std::string> controllers;  // v1: {"memory"}, {"name=systemd"}; v2: available ones
    bool v2 = false;
  };
  std::vector<Hierarchy> hierarchies;

  static const CgroupHost& get();
  // The hierarchy that has `controller`; null when the machine has none.
  [[nodiscard]] const Hierarchy* with(const std::string& controller) const;
  [[nodiscard]] bool pure_v2() const;
};

struct DeviceRule {
  char type = 'a';                      // a, b, c
  std::int64_t major = -1, minor = -1;  // -1: any
  std::string access = "rwm";
};

struct CgroupSettings {
  spec::Limits limits;
  bool all_devices = false;         // privileged
  std::vector<DeviceRule> devices;  // allowed besides the standard set
};

// Creates the group at `path` (relative, "/stack/shop-1a2b/shop-web-1") in every hierarchy, writes
// the settings, reads them back. Throws base::Error naming the limit and the file when the machine
// refuses or lowers one. Idempotent.
void ensure_cgroup(const std::string& path, const CgroupSettings& settings);
// Descriptors of cgroup.procs of every hierarchy, for the child to write "0" into; v2's directory
// for CLONE_INTO_CGROUP comes separately.
struct CgroupJoin {
  std::vector<base::Fd> procs;
  base::Fd v2_dir;  // invalid when there is no v2 hierarchy
};
CgroupJoin open_cgroup(const std::string& path);

// Moves the calling, single-threaded process into the group on the hierarchies where it is in
// another one than the root, which is nobody's; makes the group there. Costs nothing where there is
// nothing to leave.
void leave_callers_cgroups(const std::string& path);
// The way back: a process in the group goes to the root, on the hierarchies where it is in it.
void return_to_root_cgroup(const std::string& path, int pid);

std::vector<int> cgroup_pids(const std::string& path);  // with all sub-groups; absent: none
// Names of the direct sub-groups, seen in any hierarchy.
std::vector<std::string> cgroup_children(const std::string& path);
// SIGKILL to everything inside (cgroup.kill, else freezer + signals). Remove the group before
// anything is launched into it again: the kernel goes on killing what is cloned into it from
// outside (seen on 6.18).
void kill_cgroup(const std::string& path);
void freeze_cgroup(const std::string& path, bool frozen);
// Removes the group and its sub-groups; retries while the kernel says EBUSY, at most `deadline`.
// Absent: fine.
void remove_cgroup(const std::string& path, base::Duration deadline = std::chrono::seconds(1));

// Removes the group itself where it has no sub-groups and no processes; otherwise leaves it.
void remove_empty_cgroup(const std::string& path);

struct CgroupUsage {
  std::uint64_t memory_bytes = 0, memory_limit = 0;  // limit 0: none
  std::uint64_t cpu_usec = 0;
  std::uint64_t pids = 0;
  std::uint64_t oom_kills = 0;
};
CgroupUsage cgroup_usage(const std::string& path);

}  // namespace executor
