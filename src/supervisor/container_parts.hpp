// What the files of Container share and nobody else needs.
#pragma once

#include "base/error.hpp"
#include "supervisor/container.hpp"

namespace supervisor {

// How often, 30 ms apart, the keeper's word on an end is waited for; less where it may be a keeper
// that is not the parent and has nothing to say.
inline constexpr unsigned kExitAttempts = 100, kExitAttemptsAdopted = 20;

executor::StepResult failed_step(const base::Error& error);

}  // namespace supervisor
