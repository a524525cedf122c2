// Compiles a container's description into the steps of a ChildProgram, part by part; launch.cpp and
// enter.cpp put the parts together. Runs in the parent: may allocate, read, throw. Must not start
// anything.
#pragma once

#include <string>
#include <vector>

#include "executor/child_program.hpp"
#include "executor/launch.hpp"

namespace executor {

// " (app.yaml:3:5)", or nothing.
std::string place_of(const planner::Container& container);

// root_steps.cpp, volume_steps.cpp: the file system, up to and with the working directory's.
void add_root_steps(ChildProgram& program, const LaunchRequest& request);
struct VolumeSteps {
  std::vector<Step> open_early, open, attach;  // early: before the tree is made private
};
VolumeSteps compile_volumes(ChildProgram& program, const LaunchRequest& request);

// confine_steps.cpp.
void add_limit_steps(ChildProgram& program, const planner::Container& container);
// The kernel's number of a ulimit, and the path of a sysctl below /proc/sys. Both throw base::Error
// with the place when there is no such thing, or it is not the container's own.
int resource_of(const planner::Container& container, const std::string& name);
std::string sysctl_path(const planner::Container& container, const std::string& key);
void add_sysctl_steps(ChildProgram& program, const LaunchRequest& request);
struct Confinement {
  std::string user;  // "", "uid[:gid]", "name[:group]"
  bool privileged = false;
};
// User, capabilities, no_new_privs, seccomp, in the order that keeps the rights each needs.
void add_confinement_steps(ChildProgram& program, const planner::Container& container,
                           const Confinement& confinement);

struct ProgramSpec {
  std::vector<std::string> argv;
  std::vector<std::string> environment;  // later ones win
  std::string hostname;
  bool tty = false;
};
// argv, environment (PATH, HOSTNAME, TERM, HOME added when absent, as docker does) and the exec
// step.
void add_exec_step(ChildProgram& program, const ProgramSpec& spec);

}  // namespace executor
