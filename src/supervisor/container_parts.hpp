// What the files of Container share and nobody else needs.
#pragma once

#include "base/error.hpp"
#include "supervisor/container.hpp"

namespace supervisor {

// How often, 30 ms apart, the word on an end is waited for; less where the process is gone for good
// and at most a message of the keeper's is still on its way.
inline constexpr unsigned kExitAttempts = 100, kExitAttemptsAdopted = 3;

executor::StepResult failed_step(const base::Error& error);

}  // namespace supervisor
