// Keeper: parent of the supervisor and of the containers. Starts the supervisor again when it dies,
// reaps the containers and writes their exits down, holds descriptors of logs and ptys. No parsing,
// no policy.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/paths.hpp"

namespace supervisor {

// Starts a keeper for the stack as a process of its own: new session, no controlling terminal,
// working directory /, re-executed from /proc/self/exe. `client`: a connection its supervisor
// serves at once (may be invalid). `held`: descriptors it shall hold from the start, when a
// supervisor has lost its keeper.
struct KeeperStart {
  const base::ProjectPaths& paths;
  base::Fd client;
  std::vector<std::pair<std::string, std::vector<int>>> held;
};
void start_keeper(KeeperStart start);

// Whether one is there, with or without a supervisor.
bool keeper_alive(const base::ProjectPaths& paths);

// The group of keeper and supervisor themselves, where they had to leave the caller's.
std::string supervisor_cgroup(const base::ProjectPaths& paths);

// Arguments of both re-executed programs.
std::vector<std::string> program_arguments(const char* name, const base::ProjectPaths& paths);
base::ProjectPaths parse_program_arguments(int argc, char** argv);

}  // namespace supervisor
