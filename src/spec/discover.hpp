// Which files a command reads and what the project is called: -f, COMPOSE_FILE, the default names
// through parent folders, the override file, .env, -p, COMPOSE_PROJECT_NAME.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "spec/load.hpp"

namespace spec {

struct Found {
  std::vector<std::string> files;      // absolute; "-" is standard input; empty: none
  std::string project_directory;       // absolute
  std::vector<std::string> env_files;  // absolute, existing or asked for
  bool env_files_required = false;     // asked for by --env-file or COMPOSE_ENV_FILES
};
Found discover(const LoadOptions& options);

// "app.yaml" when it lies below `working_dir`, else the absolute path.
std::string shown_name(const std::string& file, const std::string& working_dir);

// Lower case, only letters, digits, '-' and '_', beginning with a letter or digit; may be empty.
std::string normal_project_name(std::string_view name);
// What a line "name: NAME" of a stack file says that was not parsed yet; nothing where there is no
// such line. A guess: the line may lie in a block of text, and variables are taken as they stand.
std::optional<std::string> name_in_sight(std::string_view text);

}  // namespace spec
