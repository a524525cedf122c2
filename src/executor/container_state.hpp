// What the kernel cannot tell of a container: exit, health, restarts, when it started. One small
// file a container in the runtime folder, replaced atomically, valid for one boot only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/paths.hpp"
#include "planner/actual.hpp"

namespace executor {

// Nothing when there is no file, or one from another boot, or a broken one.
std::optional<planner::ActualContainer> read_state(const base::ProjectPaths& paths,
                                                   const std::string& container);
void write_state(const base::ProjectPaths& paths, const planner::ActualContainer& state);

// One process that the keeper has reaped.
struct ExitRecord {
  base::ProcessId process;
  int status = 0;            // as waitid reports: si_status
  int reason = 0;            // si_code: CLD_EXITED, CLD_KILLED, CLD_DUMPED
  std::int64_t time_ns = 0;  // system clock
};
// The keeper's file: fixed-size records under a header with the boot id; a torn tail is ignored.
void append_exit(const std::string& file, const ExitRecord& record);
std::vector<ExitRecord> read_exits(const std::string& file);
planner::ExitState exit_state(const ExitRecord& record);

// PIDFD_GET_INFO (6.15): the exit status of a process that is not our child; nothing when the
// kernel cannot or the process has not been reaped yet.
std::optional<ExitRecord> pidfd_exit(int pidfd);

// The first process of the pid namespace that lives in this cgroup, or nothing: finds a container
// whose launcher died before it could write the pid down.
std::optional<base::ProcessId> find_init(const std::string& cgroup);

}  // namespace executor
