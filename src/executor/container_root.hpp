// A process of ours inside a container's root, for `cp`: in a mount namespace where the root is the
// container's, so that every link, absolute or not, leads where it leads inside. To be called in a
// child that does nothing else afterwards.
#pragma once

#include "base/paths.hpp"
#include "base/process.hpp"
#include "image/rootfs.hpp"
#include "planner/desired.hpp"

namespace executor {

// Of one that runs: joins its mount namespace. Throws base::Error.
void enter_running_root(const base::ProcessId& process);
// Of one that does not: the same overlay, binds and volumes in a mount namespace of our own, which
// ends with us.
struct StoppedRoot {
  const planner::Container& container;
  const image::Rootfs& rootfs;
  const base::ProjectPaths& paths;
};
void enter_stopped_root(const StoppedRoot& request);

}  // namespace executor
