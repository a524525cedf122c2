// Outcomes: what a plan costs each container, from its steps and what was there before. Pure;
// decides nothing.
#pragma once

#include <vector>

#include "planner/plan.hpp"

namespace planner {

// Of every container of `actual`, and of those that the plan makes; sorted by name.
std::vector<Outcome> outcomes_of(const Plan& plan, const ActualState& actual);

}  // namespace planner
