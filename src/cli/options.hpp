// Options as CLI11 wants them told: one function a kind of option, so that the commands' lists
// (arguments_*.cpp) read as tables. Only arguments*.cpp include this: CLI11 costs seconds of
// compile time.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/arguments.hpp"

namespace cli {

using Words = std::vector<std::string>;

// One argument an occurrence, however often: a vector option of CLI11 would else swallow what
// follows.
CLI::Option* add_list(CLI::App& app, const std::string& name, Words& into, const char* help,
                      const char* value);
CLI::Option* add_text(CLI::App& app, const std::string& name, std::string& into, const char* help,
                      const char* value);
CLI::Option* add_switch(CLI::App& app, const std::string& name, bool& into, const char* help);
CLI::Option* add_seconds(CLI::App& app, const std::string& name, std::optional<unsigned>& into,
                         const char* help);
// Refuses a word that is not among `accepted`.
CLI::Option* add_format(CLI::App& app, const std::string& name, std::string& into,
                        const Words& accepted);
// --index: which replica.
void add_index(CLI::App& app, unsigned& into);
// The names at the end of the line.
void add_names(CLI::App& app, Words& into, const char* name, const char* help);
// --build, --no-build, --quiet-build: images are not built here.
void add_build(CLI::App& app, UpArgs& into);
// What contradicts itself among the options of up and create; "" when nothing does. Sets what they
// imply. docker compose's rules (cmd/compose/up.go, validateFlags).
std::string settle(UpArgs& up);
// SERVICE=NUMBER words. Throws CLI::ValidationError.
void set_scale(std::map<std::string, unsigned>& into, const Words& given);

// What every command accepts. Whether -f names a stack file after this command, or something else;
// Run: -p is a port there, not the project.
enum class FileLetter : std::uint8_t { File, Other, Run };
inline constexpr const char* kGlobalGroup = "Global options";
void add_globals(CLI::App& app, GlobalArgs& to, FileLetter letter);

// A command of `stack --help`; `add` gives it its options.
struct CommandRow {
  const char* name;
  const char* summary;
  void (*add)(CLI::App& command, Arguments& to);
};

void add_apply(CLI::App& command, Arguments& to);
void add_attach(CLI::App& command, Arguments& to);
void add_config(CLI::App& command, Arguments& to);
void add_create(CLI::App& command, Arguments& to);
void add_cp(CLI::App& command, Arguments& to);
void add_df(CLI::App& command, Arguments& to);
void add_doctor(CLI::App& command, Arguments& to);
void add_down(CLI::App& command, Arguments& to);
void add_disable(CLI::App& command, Arguments& to);
void add_enable(CLI::App& command, Arguments& to);
void add_events(CLI::App& command, Arguments& to);
void add_exec(CLI::App& command, Arguments& to);
void add_image(CLI::App& command, Arguments& to);
void add_images(CLI::App& command, Arguments& to);
void add_kill(CLI::App& command, Arguments& to);
void add_logs(CLI::App& command, Arguments& to);
void add_ls(CLI::App& command, Arguments& to);
void add_network(CLI::App& command, Arguments& to);
void add_pause(CLI::App& command, Arguments& to);
void add_plan(CLI::App& command, Arguments& to);
void add_port(CLI::App& command, Arguments& to);
void add_ps(CLI::App& command, Arguments& to);
void add_pull(CLI::App& command, Arguments& to);
void add_push(CLI::App& command, Arguments& to);
void add_reconcile(CLI::App& command, Arguments& to);
void add_restart(CLI::App& command, Arguments& to);
void add_rm(CLI::App& command, Arguments& to);
void add_run(CLI::App& command, Arguments& to);
void add_scale(CLI::App& command, Arguments& to);
void add_start(CLI::App& command, Arguments& to);
void add_stats(CLI::App& command, Arguments& to);
void add_stop(CLI::App& command, Arguments& to);
void add_top(CLI::App& command, Arguments& to);
void add_unpause(CLI::App& command, Arguments& to);
void add_up(CLI::App& command, Arguments& to);
void add_version(CLI::App& command, Arguments& to);
void add_volume(CLI::App& command, Arguments& to);
void add_volumes(CLI::App& command, Arguments& to);
void add_wait(CLI::App& command, Arguments& to);

}  // namespace cli
