// RunOwner: whether the command of a `run` still looks after its container. As long as it lives it
// listens on an abstract socket that is named after the container; whoever connects is told of its
// end by the kernel, however it ends. While there is an owner, what the container prints is the
// owner's to read, and an ended container of `run --rm` is the owner's to remove.
#pragma once

#include <string>

#include "base/fd.hpp"
#include "base/paths.hpp"

namespace supervisor {

// The command's side: to be kept open. Throws base::Error.
base::Fd own_run(const base::ProjectPaths& paths, const std::string& container);
// The supervisor's: a connection that hangs up when the owner ends; invalid when there is none.
base::Fd watch_owner(const base::ProjectPaths& paths, const std::string& container);

}  // namespace supervisor
