// desire_mounts: what a service mounts, and the volumes of its image, become mounts of one
// container. Internal to planner.
#pragma once

#include "planner/desired.hpp"
#include "planner/problems.hpp"

namespace planner {

// Fills `container.mounts`; its configs and secrets, which hold their targets, must be decided. A
// volume without a name is kept under one made from who mounts it where, and added to `desired`.
void desire_mounts(const spec::Stack& stack, const spec::Service& service, const ImageFacts& image,
                   Container& container, DesiredState& desired, Problems& problems);

}  // namespace planner
