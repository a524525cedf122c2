// The configs and secrets of a service: from the stack file's words to the files that its
// containers get, and out of sight again. Pure; the files of the host were read by the caller
// (World::files).
#pragma once

#include "planner/desired.hpp"
#include "planner/plan.hpp"
#include "planner/problems.hpp"

namespace planner {

// The largest file that is made, as in a swarm; what is bound from the host has no bound.
constexpr std::size_t kLargestSecret = 500U << 10U, kLargestConfig = 1000U << 10U;

// One that only the host's file describes is bound; with an owner or a mode of its own it is
// copied.
inline bool is_copied(const spec::FileReference& reference) {
  return reference.mode || !reference.uid.empty() || !reference.gid.empty();
}

// What is wrong goes to `problems`, with its place; of a service in World::aside nothing does.
World::RecordedFiles desire_files(const spec::Stack& stack, const spec::Service& service,
                                  const World& world, Problems& problems);

// The same plan without what configs and secrets hold: for eyes and files of others.
Plan without_contents(Plan plan);

}  // namespace planner
