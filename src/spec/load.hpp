// load(): files → Stack. The stages are files of their own: documents (parse → interpolate →
// canonicalise → extends → include → merge) → normalise → profiles → env files → resolve.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "spec/diagnostic.hpp"
#include "spec/environment.hpp"
#include "spec/stack.hpp"

namespace spec {

// Which stages are left out, as the flags of `config` ask for.
struct StageOptions {
  bool interpolate = true;
  bool normalise = true;
  bool resolve_paths = true;
  bool consistency = true;
  bool env_files = true;
};

struct LoadOptions {
  std::vector<std::string> files;  // -f, "-" is standard input; empty: COMPOSE_FILE or discovery
  std::string project_name;        // -p; empty: COMPOSE_PROJECT_NAME, `name:`, folder's name
  std::string project_directory;   // empty: folder of the first file
  std::vector<std::string>
      env_files;                      // --env-file; empty: .env in the project directory when there
  std::vector<std::string> profiles;  // empty: COMPOSE_PROFILES
  std::vector<std::string> services;  // only these and what they depend on; empty: all
  std::vector<std::string> wanted;    // their profiles are active too; the other services stay
  std::string working_dir;            // where the command runs, absolute
  std::map<std::string, std::string> environment;  // the shell's
  // False: what only running it would show to be wrong is a warning.
  bool to_run = true;
  bool strict = false;  // a variable without value is an error
  StageOptions stages;
  // Called before the files are parsed with what the project will be called, as far as one can see
  // by then: another name may come of it.
  std::function<void(const std::string& name)> on_likely_name;
};

struct Loaded {
  Stack stack;  // without normalisation, interpolation or consistency: only its canonical form
  std::vector<Diagnostic> warnings;
  Sources sources;
  Environment environment;                      // what the files see
  std::map<std::string, std::string> inactive;  // services no profile selects, with their profiles
};

// Throws SpecError (all diagnostics at once) when the files are wrong, base::Error when none is
// found. Reads files, changes nothing.
Loaded load(const LoadOptions& options);

// The files `load` would read, without reading them: absolute paths, for finding a project.
std::vector<std::string> find_files(const LoadOptions& options);

// The canonical model, as `docker compose config` prints it: `config` and `config --format json`.
// A `$` is written twice, for it would be a variable when read again.
enum class Dollars : std::uint8_t { Doubled, AsTheyAre };
std::string to_json(const Stack& stack, Dollars dollars = Dollars::Doubled);
std::string to_yaml(const Stack& stack, Dollars dollars = Dollars::Doubled);

}  // namespace spec
