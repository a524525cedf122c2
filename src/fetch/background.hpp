// What is done when nobody waits any more: writing everything to disk and marking it so.
#pragma once

#include "base/paths.hpp"

namespace fetch {

// Returns at once; a process of its own goes on, holding none of our descriptors.
void make_durable_in_background(const base::Roots& roots);

}  // namespace fetch
