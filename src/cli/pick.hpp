// Which container of a service a command means: --index, else the first that runs.
#pragma once

#include <string>

#include "cli/context.hpp"

namespace cli {

struct Picked {
  const planner::Container* described = nullptr;     // never null
  const planner::ActualContainer* actual = nullptr;  // never null
};
// Throws base::Error: no such service or replica, or it does not run.
Picked pick_container(const Recorded& recorded, const std::string& service, unsigned index);

}  // namespace cli
