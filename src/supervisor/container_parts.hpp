// What the files of Container share, and throw_away().
#pragma once

#include "base/error.hpp"
#include "supervisor/container.hpp"

namespace supervisor {

// How often, 30 ms apart, the word on an end is waited for; less where the process is gone for good
// and at most a message of the keeper's is still on its way.
inline constexpr unsigned kExitAttempts = 100, kExitAttemptsAdopted = 3;

executor::StepResult failed_step(const base::Error& error);

// Renames a folder of `name` out of the way at once; a child removes the heap later
// (Supervisor::empty_trash). Nothing happens where there is none.
void throw_away(const base::ProjectPaths& paths, const std::string& folder,
                const std::string& name);

}  // namespace supervisor
