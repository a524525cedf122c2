// load(): files → Stack. The stages are files of their own: parse → interpolate → merge → resolve.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "spec/diagnostic.hpp"
#include "spec/stack.hpp"

namespace spec {

struct LoadOptions {
  std::vector<std::string> files;  // -f, "-" is standard input; empty: COMPOSE_FILE or discovery
  std::string project_name;        // -p; empty: COMPOSE_PROJECT_NAME, `name:`, folder's name
  std::string project_directory;   // empty: folder of the first file
  std::vector<std::string>
      env_files;  // --env-file; empty: .env in the project directory when there
  std::vector<std::string> profiles;
  std::string working_dir;                         // where the command runs, absolute
  std::map<std::string, std::string> environment;  // the shell's
};

struct Loaded {
  Stack stack;
  std::vector<Diagnostic> warnings;
  Sources sources;
};

// Throws SpecError (all diagnostics at once) when the files are wrong, base::Error when none is
// found. Reads files, changes nothing.
Loaded load(const LoadOptions& options);

// The files `load` would read, without reading them: absolute paths, for finding a project.
std::vector<std::string> find_files(const LoadOptions& options);

// The canonical model, as `docker compose config` prints it: `config` and `config --format json`.
std::string to_json(const Stack& stack);
std::string to_yaml(const Stack& stack);

}  // namespace spec
