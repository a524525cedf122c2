// How a container's process has ended, for commands that pass its exit code on.
#pragma once

#include <optional>
#include <string>

#include "base/paths.hpp"
#include "base/process.hpp"
#include "planner/actual.hpp"

namespace cli {

// Waits some seconds for somebody's word: the supervisor may be about to write it down, or be
// dead, and then the keeper or the kernel tells. `fd` may be invalid. Nothing: nobody saw it.
std::optional<planner::ExitState> exit_of(const base::ProjectPaths& paths, const std::string& name,
                                          const base::ProcessId& process, const base::PidFd& fd);

}  // namespace cli
