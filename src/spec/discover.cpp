#include "spec/discover.hpp"

#include <array>

#include "base/files.hpp"
#include "base/text.hpp"
#include "spec/dotenv.hpp"

namespace spec {
namespace {

constexpr std::array<const char*, 4> kNames{"compose.yaml", "compose.yml", "docker-compose.yml",
                                            "docker-compose.yaml"};
constexpr std::array<const char*, 4> kOverrides{"compose.override.yml", "compose.override.yaml",
                                                "docker-compose.override.yml",
                                                "docker-compose.override.yaml"};

// stack.yaml is a name that other tools use too: ours only with a `services` key.
bool has_services_key(const std::string& path) {
  const auto text = base::try_read_file(path);
  if (!text) return false;
  return base::starts_with(*text, "services:") || text->find("\nservices:") != std::string::npos;
}

std::string default_in(const std::string& folder) {
  for (const char* name : kNames) {
    const std::string path = base::absolute_path(folder, name);
    if (base::exists(path) && !base::is_directory(path)) return path;
  }
  const std::string own = base::absolute_path(folder, "stack.yaml");
  return base::exists(own) && has_services_key(own) ? own : std::string();
}

std::string value_of(const std::map<std::string, std::string>& environment, const char* name) {
  const auto found = environment.find(name);
  return found == environment.end() ? std::string() : found->second;
}

// COMPOSE_* variables may also stand in the .env of the folder the command runs in.
std::map<std::string, std::string> compose_variables(const std::string& folder,
                                                     const LoadOptions& options) {
  std::map<std::string, std::string> out;
  Report ignored;
  if (options.env_files.empty()) {
    const std::string path = base::absolute_path(folder, ".env");
    if (base::exists(path) && !base::is_directory(path)) {
      try {
        const std::string text = base::read_file(path, 1U << 20U);
        for (auto& [key, value] : parse_dotenv(
                 text, {}, [](const std::string&) { return std::optional<std::string>(); },
                 ignored)) {
          if (base::starts_with(key, "COMPOSE_")) out[key] = value;
        }
      } catch (const base::Error&) {
        // Said with its place when the file is read for its variables.
      }
    }
  }
  for (const auto& [key, value] : options.environment) {
    if (base::starts_with(key, "COMPOSE_")) out[key] = value;
  }
  return out;
}

}  // namespace

Found discover(const LoadOptions& options) {
  Found out;
  const std::string here = options.working_dir.empty() ? "/" : options.working_dir;
  const std::string start = options.project_directory.empty()
                                ? here
                                : base::absolute_path(here, options.project_directory);
  const auto variables = compose_variables(start, options);
  std::vector<std::string> given = options.files;
  if (given.empty()) {
    const std::string list = value_of(variables, "COMPOSE_FILE");
    if (!list.empty()) {
      const std::string separator = value_of(variables, "COMPOSE_PATH_SEPARATOR");
      given = base::split(list, separator.empty() ? ':' : separator[0]);
    }
  }
  if (!given.empty()) {
    for (const std::string& file : given) {
      if (!file.empty()) out.files.push_back(file == "-" ? file : base::absolute_path(here, file));
    }
  } else {
    for (std::string folder = start;;) {
      const std::string file = default_in(folder);
      if (!file.empty()) {
        out.files.push_back(file);
        for (const char* name : kOverrides) {
          const std::string path = base::absolute_path(folder, name);
          if (base::exists(path)) {
            out.files.push_back(path);
            break;
          }
        }
        break;
      }
      const std::string up = base::parent_dir(folder);
      if (up == folder || up.empty() || folder == "/") break;
      folder = up;
    }
  }
  out.project_directory = start;
  if (options.project_directory.empty() && !out.files.empty() && out.files[0] != "-") {
    out.project_directory = base::parent_dir(out.files[0]);
  }
  std::vector<std::string> env_files = options.env_files;
  if (env_files.empty()) {
    const std::string list = value_of(variables, "COMPOSE_ENV_FILES");
    if (!list.empty()) env_files = base::split(list, ',');
  }
  out.env_files_required = !env_files.empty();
  for (const std::string& file : env_files) {
    if (!file.empty()) out.env_files.push_back(base::absolute_path(here, file));
  }
  if (!out.env_files_required) {
    const std::string disabled = value_of(variables, "COMPOSE_DISABLE_ENV_FILE");
    const bool wanted = disabled.empty() || disabled == "0" || disabled == "false";
    // The one of the folder that the command runs in beats the one beside a file found elsewhere.
    std::vector<std::string> folders{out.project_directory};
    if (options.files.empty() && start != out.project_directory) folders.push_back(start);
    for (const std::string& folder : folders) {
      const std::string path = base::absolute_path(folder, ".env");
      if (wanted && base::exists(path) && !base::is_directory(path)) out.env_files.push_back(path);
    }
  }
  return out;
}

std::vector<std::string> find_files(const LoadOptions& options) {
  return discover(options).files;
}

std::string shown_name(const std::string& file, const std::string& working_dir) {
  const std::string prefix = working_dir == "/" ? "/" : working_dir + "/";
  if (base::starts_with(file, prefix)) return file.substr(prefix.size());
  return file;
}

std::string normal_project_name(std::string_view name) {
  std::string out;
  for (char c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    const bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (word || ((c == '-' || c == '_') && !out.empty())) out += c;
  }
  return out;
}

std::optional<std::string> name_in_sight(std::string_view text) {
  constexpr std::string_view kKey = "name:";
  for (std::size_t at = text.find(kKey); at != std::string_view::npos;
       at = text.find(kKey, at + kKey.size())) {
    if (at != 0 && text[at - 1] != '\n') continue;
    std::string_view value = text.substr(at + kKey.size());
    value = value.substr(0, value.find_first_of("\r\n#"));
    return normal_project_name(value);
  }
  return {};
}

}  // namespace spec
