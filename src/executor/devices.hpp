// Which device nodes a container gets and which it may use: `devices:` of the stack file,
// everything for a privileged one. Turns a container's description into CgroupSettings; compiles
// the v2 filter.
#pragma once

#include <linux/bpf.h>

#include <string>
#include <vector>

#include "executor/cgroup.hpp"
#include "planner/desired.hpp"

namespace executor {

struct DeviceNode {
  std::string path;   // inside
  unsigned mode = 0;  // S_IFCHR or S_IFBLK with permissions
  std::uint64_t device = 0;
  unsigned uid = 0, gid = 0;
  std::string access = "rwm";
};

// Nodes besides the standard ones, folders expanded. Throws base::Error naming a device that does
// not exist or is none.
std::vector<DeviceNode> device_nodes(const planner::Container& container);

// For ensure_cgroup: limits and devices of the container.
CgroupSettings cgroup_settings(const planner::Container& container);

// What every container may use (null, zero, full, random, urandom, tty, console, pts, ptmx) and may
// make.
const std::vector<DeviceRule>& standard_devices();

// cgroup v2: an eBPF program that allows exactly `rules`, attached to the group; replaces an
// earlier one.
std::vector<bpf_insn> device_filter(const std::vector<DeviceRule>& rules);
void attach_device_filter(const std::string& directory, const std::vector<DeviceRule>& rules);
void detach_device_filter(const std::string& directory);

}  // namespace executor
