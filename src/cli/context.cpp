#include "cli/context.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <set>
#include <thread>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/errors.hpp"
#include "cli/terminal.hpp"
#include "executor/process_pin.hpp"
#include "supervisor/keeper.hpp"

extern char** environ;

namespace cli {

namespace {

std::map<std::string, std::string> shell_environment() {
  std::map<std::string, std::string> out;
  for (char** at = environ; at != nullptr && *at != nullptr; ++at) {
    const std::string_view entry(*at);
    const auto equals = entry.find('=');
    if (equals == std::string_view::npos) continue;
    out.emplace(entry.substr(0, equals), entry.substr(equals + 1));
  }
  return out;
}

std::string value_of(const std::map<std::string, std::string>& environment, const char* name) {
  const auto at = environment.find(name);
  return at == environment.end() ? std::string() : at->second;
}

std::string current_directory() {
  // The name people know the folder by, when it is the same folder; as `pwd` does.
  const char* shown = std::getenv("PWD");
  char* real = ::get_current_dir_name();  // honours PWD only when it is right
  std::string out = real != nullptr ? real : (shown != nullptr ? shown : "/");
  std::free(real);  // NOLINT: from get_current_dir_name
  return out;
}

// Folders of ours are 0700: without root they look empty, and "no such stack" would be a lie.
void require_access(const base::Roots& roots) {
  for (const std::string& folder : {roots.data, roots.run}) {
    if (::access(folder.c_str(), R_OK | X_OK) != 0 && errno == EACCES) {
      throw base::Error(base::cat("not allowed to read ", folder),
                        "run it as root, for example with sudo");
    }
  }
}

}  // namespace

base::ProjectPaths checked_paths(const base::Roots& roots, const std::string& name) {
  bool ok = !name.empty() && name.size() <= 200 && name[0] != '-' && name[0] != '_';
  for (const char c : name) {
    ok = ok && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_');
  }
  if (ok) return {roots, name};
  throw base::Error(base::cat("bad project name: \"", name, "\""),
                    "lower case letters, digits, - and _, beginning with a letter or digit");
}

Context Context::make(const GlobalArgs& globals) {
  Context out;
  out.globals = globals;
  out.environment = shell_environment();
  out.cwd = current_directory();
  std::string root = globals.root.empty() ? value_of(out.environment, "STACK_ROOT") : globals.root;
  if (!root.empty()) root = base::absolute_path(out.cwd, root);
  out.root = root;
  out.roots = base::Roots::from(root);
  out.out_colour = wants_colour(STDOUT_FILENO, globals.ansi);
  out.err_colour = wants_colour(STDERR_FILENO, globals.ansi);
  return out;
}

spec::LoadOptions Context::load_options() const {
  spec::LoadOptions out;
  out.files = globals.files;
  out.project_name = globals.project_name;
  out.project_directory = globals.project_directory;
  out.env_files = globals.env_files;
  out.profiles = globals.profiles;
  out.working_dir = cwd;
  out.environment = environment;
  return out;
}

spec::Loaded Context::load() const {
  return spec::load(load_options());
}

spec::Loaded Context::load_and_warn() const {
  return load_and_warn(load_options());
}

spec::Loaded Context::load_and_warn(const spec::LoadOptions& options) const {
  spec::Loaded out = spec::load(options);
  write_text(STDERR_FILENO, render_warnings(out.warnings, out.sources, err_colour));
  return out;
}

base::ProjectPaths Context::project() const {
  require_access(roots);
  if (!globals.project_name.empty()) return checked_paths(roots, globals.project_name);
  if (const std::string name = value_of(environment, "COMPOSE_PROJECT_NAME"); !name.empty()) {
    return checked_paths(roots, name);
  }
  std::vector<std::string> files;
  try {
    files = spec::find_files(load_options());
  } catch (const base::Error&) {
    if (!globals.files.empty()) throw;
  }
  if (!files.empty()) {
    try {
      spec::LoadOptions options = load_options();
      options.to_run = false;  // only its name is asked for
      return {roots, spec::load(options).stack.name};
    } catch (const base::Error&) {
      // A file that broke after `up` must not keep its stack from being looked at or taken down.
      const auto known = executor::known_stacks(roots);
      try {
        return {roots, pick_stack(known, cwd, files).project};
      } catch (const base::Error&) {
      }
      throw;
    }
  }
  const std::string directory =
      globals.project_directory.empty() ? cwd : base::absolute_path(cwd, globals.project_directory);
  const auto known = executor::known_stacks(roots);
  return {roots, pick_stack(known, directory, {}).project};
}

const executor::KnownStack& pick_stack(const std::vector<executor::KnownStack>& known,
                                       const std::string& directory,
                                       const std::vector<std::string>& files) {
  std::vector<const executor::KnownStack*> by_file, by_directory;
  for (const executor::KnownStack& each : known) {
    const bool same_file = std::any_of(
        each.config_files.begin(), each.config_files.end(), [&](const std::string& file) {
          return std::find(files.begin(), files.end(), file) != files.end();
        });
    if (same_file) by_file.push_back(&each);
    if (each.working_dir == directory) by_directory.push_back(&each);
  }
  const auto& found = by_file.empty() ? by_directory : by_file;
  if (found.size() == 1) return *found.front();
  if (found.empty()) {
    throw base::Error(
        base::cat("no stack file in ", directory, ", and no stack was brought up from there"),
        "name a file with -f or a project with -p; `stack ls -a` lists the projects");
  }
  std::vector<std::string> names;
  for (const executor::KnownStack* each : found) names.push_back(each->project);
  std::sort(names.begin(), names.end());
  throw base::Error(
      base::cat("several stacks were brought up from ", directory, ": ", base::join(names, ", ")),
      base::cat("choose one with -p, for example -p ", names.front()));
}

planner::ActualState observe_told(const base::ProjectPaths& paths) {
  auto actual = executor::observe(paths);
  // Between a container's death and the record of it lie some milliseconds in which nobody knows
  // its exit code yet: a keeper that lives is about to tell, and what is pinned does once init has
  // reaped it. Where there is neither nobody ever will, and nothing is waited for.
  const auto untold = [&paths](const planner::ActualContainer& container) {
    return container.status == planner::ContainerStatus::Exited && !container.exit.known &&
           container.exit.finished_at == std::chrono::system_clock::time_point{} &&
           (supervisor::keeper_alive(paths) ||
            executor::pinned_process(executor::process_pin(paths, container.name)));
  };
  for (int round = 0; round < 25; ++round) {
    if (std::none_of(actual.containers.begin(), actual.containers.end(), untold)) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    actual = executor::observe(paths);
  }
  return actual;
}

Recorded look_up(const Context& context) {
  base::ProjectPaths paths = context.project();
  // In this order: see executor::StackLook.
  auto actual = observe_told(paths);
  auto intent = executor::recorded_intent(paths);
  return {std::move(paths), std::move(intent), std::move(actual)};
}

void check_services(const std::vector<std::string>& services, const std::vector<std::string>& known,
                    const std::string& project) {
  for (const std::string& name : services) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    std::string hint = base::did_you_mean(name, base::nearest(name, known));
    if (hint.empty() && !known.empty()) hint = "services: " + base::join(known, ", ");
    throw base::Error(base::cat("no such service: ", name, " (in stack ", project, ")"), hint);
  }
}

std::vector<std::string> service_names(const spec::Stack& stack) {
  std::vector<std::string> out;
  for (const auto& entry : stack.services) out.push_back(entry.first);
  return out;
}

std::vector<std::string> service_names(const Recorded& recorded) {
  std::set<std::string> out;
  if (recorded.intent) {
    for (const auto& each : recorded.intent->containers) out.insert(each.service);
  }
  for (const auto& each : recorded.actual.containers) out.insert(each.service);
  return {out.begin(), out.end()};
}

bool is_selected(const std::vector<std::string>& services, const std::string& service) {
  return services.empty() || std::find(services.begin(), services.end(), service) != services.end();
}

void require_root(const std::string& command) {
  if (::geteuid() == 0) return;
  throw base::Error(
      base::cat("stack ", command, " must run as root: it makes namespaces, mounts and links"),
      base::cat("sudo stack ", command));
}

}  // namespace cli
