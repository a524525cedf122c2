// observe(): ActualState of one stack, read from the kernel (cgroups, links, nft) and the runtime
// records. Reads only; works with or without a supervisor; budget: 10 ms at 50 containers.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/paths.hpp"
#include "planner/actual.hpp"
#include "planner/desired.hpp"

namespace executor {

planner::ActualState observe(const base::ProjectPaths& paths);

// What was last brought up, or nothing: DATA/stacks/PROJECT/desired.json.
std::optional<planner::DesiredState> recorded_intent(const base::ProjectPaths& paths);
// Replaces it.
void record_intent(const base::ProjectPaths& paths, const planner::DesiredState& intent);

// Every stack that has intent or runs, under these roots.
struct KnownStack {
  std::string project;
  std::string working_dir;
  std::vector<std::string> config_files;  // absolute; "-": standard input
  unsigned running = 0, exited = 0;
};
std::vector<KnownStack> known_stacks(const base::Roots& roots);

}  // namespace executor
