// enter(): one more program inside a running container: `stack exec` and health checks. Joins
// cgroup and namespaces of its pid 1, with the container's capabilities, seccomp filter, limits and
// environment.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/paths.hpp"
#include "base/process.hpp"
#include "executor/launch.hpp"
#include "planner/desired.hpp"

namespace executor {

struct EnterRequest {
  const planner::Container& container;
  const base::ProjectPaths& paths;
  base::ProcessId target;  // the container's pid 1
  std::vector<std::string> argv;
  std::vector<std::string> environment;  // "NAME=value", over the container's
  std::string working_dir;               // "": the container's
  std::string user;                      // "": the container's
  bool privileged = false;
  int stdin_fd = -1, stdout_fd = -1, stderr_fd = -1;  // stdin -1: /dev/null
  bool tty = false;  // fds are a pty slave: new session, controlling terminal
};

// The returned process is a child of the caller (to be waited for by pidfd). Does not wait. Throws
// when the container is frozen: what is started in it would stop before it is anything.
Launched enter(const EnterRequest& request);

}  // namespace executor
