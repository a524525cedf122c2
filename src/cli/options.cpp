#include "cli/options.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace cli {

namespace {

constexpr const char* kAnsiNames = "never|always|auto";
constexpr const char* kProgressNames = "auto|tty|plain|json|quiet";

Ansi ansi_of(const std::string& word) {
  if (word == "never") return Ansi::Never;
  if (word == "always") return Ansi::Always;
  if (word == "auto") return Ansi::Auto;
  throw CLI::ValidationError("--ansi", base::cat("must be ", kAnsiNames, ", not \"", word, "\""));
}

ProgressMode progress_of(const std::string& word) {
  if (word == "auto") return ProgressMode::Auto;
  if (word == "tty") return ProgressMode::Tty;
  if (word == "plain") return ProgressMode::Plain;
  if (word == "json") return ProgressMode::Json;
  if (word == "quiet") return ProgressMode::Quiet;
  throw CLI::ValidationError("--progress",
                             base::cat("must be ", kProgressNames, ", not \"", word, "\""));
}

}  // namespace

CLI::Option* add_list(CLI::App& app, const std::string& name, Words& into, const char* help,
                      const char* value) {
  return app
      .add_option_function<Words>(
          name,
          [&into](const Words& given) { into.insert(into.end(), given.begin(), given.end()); },
          help)
      ->allow_extra_args(false)
      ->type_name(value);
}

CLI::Option* add_text(CLI::App& app, const std::string& name, std::string& into, const char* help,
                      const char* value) {
  return app
      .add_option_function<std::string>(
          name, [&into](const std::string& given) { into = given; }, help)
      ->type_name(value);
}

CLI::Option* add_switch(CLI::App& app, const std::string& name, bool& into, const char* help) {
  return app.add_flag_function(
      name, [&into](std::int64_t count) { into = count > 0; }, help);
}

CLI::Option* add_seconds(CLI::App& app, const std::string& name, std::optional<unsigned>& into,
                         const char* help) {
  return app
      .add_option_function<std::string>(
          name,
          [&into, name](const std::string& given) {
            const auto number = base::parse_uint(given);
            if (!number || *number > 1'000'000'000) {
              throw CLI::ValidationError(
                  name, base::cat("takes a number of seconds, not \"", given, "\""));
            }
            into = static_cast<unsigned>(*number);
          },
          help)
      ->type_name("SECONDS");
}

void add_globals(CLI::App& app, GlobalArgs& to, FileLetter letter) {
  const auto group = [](CLI::Option* option) { option->group(kGlobalGroup); };
  group(add_list(app, letter == FileLetter::Other ? "--file" : "-f,--file", to.files,
                 "Stack file; repeat to merge several, - is standard input (COMPOSE_FILE)",
                 "FILE"));
  group(add_text(app, letter == FileLetter::Run ? "--project-name" : "-p,--project-name",
                 to.project_name, "Project name (COMPOSE_PROJECT_NAME)", "NAME"));
  group(add_text(app, "--project-directory", to.project_directory,
                 "What relative paths start from (default: the folder of the first file)", "DIR"));
  group(add_list(app, "--env-file", to.env_files, "File of variables, instead of .env", "FILE"));
  group(add_list(app, "--profile", to.profiles, "Also enable services of this profile", "NAME"));
  group(add_text(app, "--root", to.root,
                 "Keep everything below DIR instead of /var/lib/stack and /run/stack (STACK_ROOT)",
                 "DIR"));
  group(app.add_option_function<std::string>(
               "--ansi", [&to](const std::string& word) { to.ansi = ansi_of(word); },
               "Colours and live views (NO_COLOR is honoured)")
            ->type_name(kAnsiNames));
  group(app.add_option_function<std::string>(
               "--progress", [&to](const std::string& word) { to.progress = progress_of(word); },
               "How progress is shown")
            ->type_name(kProgressNames));
  group(add_switch(app, "--dry-run", to.dry_run, "Show what would be done, change nothing"));
  app.get_formatter()->column_width(34);
}

CLI::Option* add_format(CLI::App& app, const std::string& name, std::string& into,
                        const Words& accepted) {
  return app
      .add_option_function<std::string>(
          name,
          [&into, accepted, name](const std::string& given) {
            if (std::find(accepted.begin(), accepted.end(), given) == accepted.end()) {
              throw CLI::ValidationError(
                  name.substr(name.rfind(',') + 1),
                  base::cat("must be ", base::join(accepted, "|"), ", not \"", given, "\""));
            }
            into = given;
          },
          "Output format")
      ->type_name(base::join(accepted, "|"));
}

void add_index(CLI::App& app, unsigned& into) {
  app.add_option_function<unsigned>(
         "--index", [&into](const unsigned& n) { into = n; },
         "Which replica of the service (from 1)")
      ->type_name("N");
}

void add_names(CLI::App& app, Words& into, const char* name, const char* help) {
  app.add_option(name, into, help)->type_name(" ");
}

void set_scale(std::map<std::string, unsigned>& into, const Words& given) {
  for (const std::string& word : given) {
    const auto at = word.find('=');
    const auto count = at == std::string::npos
                           ? std::optional<std::uint64_t>{}
                           : base::parse_uint(std::string_view(word).substr(at + 1));
    if (at == 0 || !count || *count > 100'000) {
      throw CLI::ValidationError("--scale", base::cat("takes SERVICE=NUMBER, not \"", word, "\""));
    }
    into[word.substr(0, at)] = static_cast<unsigned>(*count);
  }
}

}  // namespace cli
