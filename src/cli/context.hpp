// Context: what every command starts from, made from the global options and the environment: the
// roots, how to load the stack file, which project is meant, colours.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/paths.hpp"
#include "cli/arguments.hpp"
#include "executor/observe.hpp"
#include "spec/load.hpp"

namespace cli {

struct Context {
  GlobalArgs globals;
  std::map<std::string, std::string> environment;
  std::string cwd, root;  // root: what --root or STACK_ROOT said, absolute
  base::Roots roots;
  bool out_colour = false, err_colour = false;

  static Context make(const GlobalArgs& globals);

  [[nodiscard]] spec::LoadOptions load_options() const;
  // The stack file; throws SpecError. Prints nothing.
  [[nodiscard]] spec::Loaded load() const;
  // As load(), with its warnings on stderr.
  [[nodiscard]] spec::Loaded load_and_warn() const;
  [[nodiscard]] spec::Loaded load_and_warn(const spec::LoadOptions& options) const;
  // The project that a command without need of a file means: -p, COMPOSE_PROJECT_NAME, the file's,
  // else the stack last brought up from this directory. Throws base::Error when there is none or
  // several.
  [[nodiscard]] base::ProjectPaths project() const;
};

// A project's name is part of paths: throws base::Error for one that docker compose would not have.
base::ProjectPaths checked_paths(const base::Roots& roots, const std::string& name);

// A stack as it was brought up, with what runs of it.
struct Recorded {
  base::ProjectPaths paths;
  std::optional<planner::DesiredState> intent;
  planner::ActualState actual;
};
Recorded look_up(const Context& context);
// What is there; of a container that has just ended, its exit code is waited for where somebody is
// about to tell it.
planner::ActualState observe_told(const base::ProjectPaths& paths);

// The stack whose directory is `directory` or that was made from one of `files` (absolute). Throws
// base::Error when there is none, or several: then it lists them.
const executor::KnownStack& pick_stack(const std::vector<executor::KnownStack>& known,
                                       const std::string& directory,
                                       const std::vector<std::string>& files);

// Throws base::Error, with the nearest name, when one of `services` is not in `known`.
void check_services(const std::vector<std::string>& services, const std::vector<std::string>& known,
                    const std::string& project);
std::vector<std::string> service_names(const spec::Stack& stack);
// Services of intent and of what is there, sorted, each once.
std::vector<std::string> service_names(const Recorded& recorded);
bool is_selected(const std::vector<std::string>& services, const std::string& service);

// Throws base::Error unless we are root: making namespaces, mounts and links needs it.
void require_root(const std::string& command);

}  // namespace cli
