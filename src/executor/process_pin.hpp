// A container's pid 1 pinned to a path (6.14): the exit information that the kernel keeps with it
// (6.15) can be read by whoever comes later, even when nobody of ours lived while it ended. One
// mount a running container, in its runtime folder. Knows nothing of policies.
#pragma once

#include <optional>
#include <string>

#include "base/paths.hpp"
#include "base/process.hpp"
#include "executor/container_state.hpp"

namespace executor {

std::string process_pin(const base::ProjectPaths& paths, const std::string& container);
// False where the kernel cannot. What was pinned there before is let go.
bool pin_process(const base::PidFd& process, const std::string& path);
// Absent: fine.
void unpin_process(const std::string& path);
// Every container's process and network namespace that a death has left pinned: a namespace without
// a link or a record is known to nobody but its pin. Before the runtime folder is removed.
void unpin_all(const base::ProjectPaths& paths);
// The pidfd; invalid when nothing is pinned there.
base::PidFd pinned_process(const std::string& path);
// How `process`, which is the one pinned there, ended: nothing while it runs or is not reaped yet.
// The kernel does not say when: time_ns is 0.
std::optional<ExitRecord> pinned_exit(const std::string& path, const base::ProcessId& process);

}  // namespace executor
