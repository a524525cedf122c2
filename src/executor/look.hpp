// look_closer(): completes an ActualState with what only a closer look tells: the inside of each
// namespace, limits, files of /etc, mounts, sysctls, stopped and frozen processes, our own
// processes. Reads only, compares with what is wished for; decides nothing (planner/drift.hpp
// does). Budget: 50 us a container, on two threads.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/paths.hpp"
#include "planner/actual.hpp"
#include "planner/desired.hpp"

namespace executor {

void look_closer(planner::ActualState& actual, const planner::DesiredState& wished,
                 const base::ProjectPaths& paths);
// Its steps, for one that has two threads for them.
// A container that runs, has a look begun, and is wished for. Not one that is being started: it
// would be seen without what it is about to get.
struct Subject {
  planner::ActualContainer& container;
  const planner::Container& spec;
};
// Begins a look at those that run. `looked_for`: what those that have one were looked at for, which
// keep it where they are wished for alike; null: none has.
std::vector<Subject> begin_looks(planner::ActualState& actual, const planner::DesiredState& wished,
                                 const planner::DesiredState* looked_for);
// Our own processes, and ports that nobody holds.
void look_at_host(planner::ActualState& actual, const base::ProjectPaths& paths);
// These two take about as long, and write different parts of a look.
void look_at_processes(const std::vector<Subject>& subjects, const base::ProjectPaths& paths);
void look_inside(const std::vector<Subject>& subjects, const planner::ActualState& actual,
                 const base::ProjectPaths& paths);
// Both, the first on a thread of its own.
void look_at_subjects(const std::vector<Subject>& subjects, const planner::ActualState& actual,
                      const base::ProjectPaths& paths);
void look_at_networks(planner::ActualState& actual, const planner::DesiredState& wished);

// Who holds the stack's lock and its parent, as the lock file says; nothing when it says nothing
// that can be believed.
std::optional<planner::SupervisorLook> look_at_supervisor(const base::ProjectPaths& paths);

// The pieces, each in the file that also makes what it looks at.
// cgroup_look.cpp: limits of the group that are not as apply_limits() makes them.
std::vector<netfab::Difference> limit_differences(const std::string& group,
                                                  const spec::Limits& limits);
// Frozen by whichever of the freezers. That of v1 shows in the state of its processes (D), and need
// not be asked otherwise; 0: unknown.
bool is_frozen(const std::string& group, char process_state = 0);
// A small file of the kernel's or of ours in three calls; nothing when it cannot be read.
std::optional<std::string> read_small(const std::string& path);
void thaw_everywhere(const std::string& group);
// etc.cpp: files of /etc that lack lines of ours. What the container added is its own. A file of
// at least the expected length that was last written before `since`, its start, is ours and not
// read.
std::vector<netfab::Difference> etc_differences(const planner::Container& container,
                                                const base::ProjectPaths& paths,
                                                std::chrono::system_clock::time_point since);
// Puts the missing lines back, keeping what was added.
void mend_etc(const planner::Container& container, const base::ProjectPaths& paths);
// sysctl_look.cpp: of a running container's namespaces. Network ones by their file below /proc/sys.
std::vector<std::string> network_sysctls(const planner::Container& container);
std::vector<netfab::Difference> sysctl_differences(const planner::Container& container,
                                                   const netfab::Inside& inside, pid_t pid);
void mend_sysctls(const planner::Container& container, const std::string& netns, pid_t pid);

}  // namespace executor
