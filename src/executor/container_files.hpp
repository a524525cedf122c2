// Configs and secrets of a container as files: read from the host before a plan is made, written
// into the container's own folder before it starts, and mounted with everything else that is.
#pragma once

#include <cstdint>
#include <vector>

#include "base/paths.hpp"
#include "executor/world.hpp"
#include "planner/desired.hpp"

namespace executor {

// Looks at the files that configs and secrets of the stack name, and at what is recorded of
// services that are not asked for. Never throws for what is wrong with a file: desire() says it.
void gather_files(const WorldRequest& request, planner::World& world);

// Writes those that are no bind of a host's file anew, with owner and mode, below
// container_run(name), which is root's alone. The container must not run. Throws base::SysError.
void write_files(const planner::Container& container, const base::ProjectPaths& paths);

enum class FileMount : std::uint8_t { None, Config, Secret };
struct PlacedMount {
  planner::MountSpec spec;
  FileMount file = FileMount::None;
};
// Everything mounted by the stack file, configs and secrets too: targets clean and absolute,
// parents before what lies inside them.
std::vector<PlacedMount> mounts_of(const planner::Container& container,
                                   const base::ProjectPaths& paths);

}  // namespace executor
