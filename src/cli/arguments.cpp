// parse_arguments(): from words to Arguments. What each command accepts is in arguments_*.cpp.
#include "cli/arguments.hpp"

#include <algorithm>
#include <sstream>

#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/options.hpp"

namespace cli {

namespace {

constexpr int kUsageExit = 1;

// In the order of `stack --help`.
constexpr CommandRow kCommandRows[] = {
    {"up", "Make what runs equal the stack file", add_up},
    {"create", "Make containers without starting them", add_create},
    {"down", "Stop and remove the stack's containers and networks", add_down},
    {"plan", "Show the steps `up` would take, and why", add_plan},
    {"apply", "Carry out a plan that `plan -o` wrote", add_apply},
    {"ps", "List the stack's containers", add_ps},
    {"logs", "Show what the containers printed", add_logs},
    {"run", "Run a command in a container of its own", add_run},
    {"exec", "Run a program inside a running container", add_exec},
    {"attach", "Join a running container's terminal or output", add_attach},
    {"config", "Check the stack file and print its full form", add_config},
    {"ls", "List the stacks on this machine", add_ls},
    {"start", "Start containers that were stopped", add_start},
    {"stop", "Stop containers, keep them", add_stop},
    {"restart", "Stop and start containers", add_restart},
    {"kill", "Send a signal to containers", add_kill},
    {"pause", "Freeze containers", add_pause},
    {"unpause", "Let frozen containers go on", add_unpause},
    {"rm", "Remove stopped containers", add_rm},
    {"scale", "Change how many replicas services have", add_scale},
    {"wait", "Wait until containers have ended", add_wait},
    {"top", "Show the processes of containers", add_top},
    {"stats", "Show what containers use", add_stats},
    {"events", "Show what happens to containers", add_events},
    {"cp", "Copy files between a container and here", add_cp},
    {"reconcile", "Mend what is not as it was brought up", add_reconcile},
    {"enable", "Have `reconcile` called each minute and after a reboot", add_enable},
    {"disable", "Have it called no more", add_disable},
    {"pull", "Pull the images of the stack's services", add_pull},
    {"push", "Push the images of the stack's services", add_push},
    {"images", "List the images of the stack's containers", add_images},
    {"volumes", "List the stack's volumes", add_volumes},
    {"port", "Print where a container's port is published", add_port},
    {"network", "Manage networks that belong to no stack", add_network},
    {"volume", "Manage volumes that belong to no stack", add_volume},
    {"image", "Manage the images on this machine", add_image},
    {"df", "Show what images, containers and volumes take", add_df},
    {"doctor", "What this kernel offers and which fall-back is in use", add_doctor},
    {"version", "Print the version", add_version},
};

std::string did_you_mean_command(const CLI::App& app, const std::string& wrong) {
  Words known;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    known.push_back(sub->get_name());
  }
  if (app.get_parent() == nullptr) {
    for (const CommandRow& row : kCommandRows) known.emplace_back(row.name);
  }
  return base::did_you_mean(wrong, base::nearest(wrong, known));
}

std::string did_you_mean_option(const CLI::App& app, const std::string& wrong) {
  const std::string name = wrong.substr(0, wrong.find('='));
  if (name.size() < 4) return {};
  Words known;
  for (const CLI::Option* option : app.get_options([](const CLI::Option*) { return true; })) {
    for (const std::string& longer : option->get_lnames()) known.push_back("--" + longer);
  }
  return base::did_you_mean(name, base::nearest(name, known));
}

Parsed usage_error(const std::string& text, const std::string& hint, const std::string& command) {
  Parsed out;
  out.exit = kUsageExit;
  out.err = base::cat("stack: error: ", text, "\n");
  if (!hint.empty()) out.err += base::cat("  hint: ", hint, "\n");
  out.err += base::cat("  see: stack ", command, command.empty() ? "" : " ", "--help\n");
  return out;
}

// What CLI11 could not place: an unknown command or option is named, with the nearest known one.
std::optional<Parsed> refuse_extras(const CLI::App& app, const std::string& command,
                                    const Words& extras) {
  if (extras.empty()) return {};
  const std::string& first = extras.front();
  if (first.size() > 1 && first[0] == '-' && first != "--") {
    return usage_error(base::cat("unknown option ", first), did_you_mean_option(app, first),
                       command);
  }
  if (app.get_subcommands([](const CLI::App*) { return true; }).empty()) {
    return usage_error(base::cat("unexpected argument \"", first, "\""), {}, command);
  }
  const std::string shown = command.empty() ? first : command + " " + first;
  return usage_error(base::cat("unknown command \"", shown, "\""), did_you_mean_command(app, first),
                     command);
}

// SERVICE and what follows it, of exec and run: nothing of it is an option of ours.
bool takes_program(std::string_view command) {
  return command == "exec" || command == "run";
}

std::optional<Parsed> finish_program(Arguments& to, const CLI::App& app) {
  const Words rest = app.remaining();
  const bool exec = to.command == "exec";
  if (!rest.empty() && rest.front().size() > 1 && rest.front()[0] == '-') {
    return refuse_extras(app, to.command, rest);
  }
  if (exec && rest.size() < 2) {
    return usage_error("exec needs a service and a program", "stack exec web sh", "exec");
  }
  if (rest.empty()) return usage_error("run needs a service", "stack run --rm web sh", "run");
  to.names = {rest.front()};
  (exec ? to.exec.argv : to.run.argv).assign(rest.begin() + 1, rest.end());
  return {};
}

bool names(const Words& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

void add_program(CLI::App& app, Arguments& to) {
  add_globals(app, to.globals, FileLetter::File);
  app.set_version_flag("-v,--version", std::string("stack version ") + STACK_VERSION);
}

// Only the commands that may be meant are built, for an option of CLI11's costs microseconds and
// there are hundreds. All of them where they are listed: for help, and to find what an unknown word
// was meant to be.
void build(CLI::App& app, Arguments& to, const Words& words) {
  add_program(app, to);
  app.require_subcommand(0, 1);
  const bool listed =
      names(words, "--help") || names(words, "-h") ||
      std::none_of(std::begin(kCommandRows), std::end(kCommandRows),
                   [&words](const CommandRow& row) { return names(words, row.name); });
  for (const CommandRow& row : kCommandRows) {
    const bool named = names(words, row.name);
    if (!named && !listed) continue;
    CLI::App& command = *app.add_subcommand(row.name, row.summary);
    if (named) row.add(command, to);
  }
  app.prefix_command();
  app.footer(
      "Exit status: 0 done, 1 failed, 2 changes pending (plan --detailed-exitcode), 130 "
      "interrupted; "
      "exec passes\nthe program's on.\n\nExample:\n  stack up -f app.yaml -d --wait && stack ps");
  for (CLI::App* sub : app.get_subcommands([](CLI::App*) { return true; })) {
    if (!takes_program(sub->get_name())) sub->allow_extras();
    for (CLI::App* inner : sub->get_subcommands([](CLI::App*) { return true; }))
      inner->allow_extras();
  }
}

}  // namespace

Parsed parse_arguments(const Words& words) {
  Parsed out;
  CLI::App app("stack runs a Compose file on one Linux machine, without a daemon.", "stack");
  build(app, out.arguments, words);
  const CLI::App* leaf = &app;
  std::string& command = out.arguments.command;
  try {
    app.parse(Words(words.rbegin(), words.rend()));
  } catch (const CLI::Success& wanted) {  // --help, --version
    std::ostringstream text;
    app.exit(wanted, text, text);
    out.exit = 0;
    out.out = text.str();
    // SERVICE and COMMAND are no positionals of CLI11's: nothing after SERVICE may be interpreted.
    for (const std::string_view usage : {"exec [OPTIONS]", "run [OPTIONS]"}) {
      if (const auto at = out.out.find(usage); at != std::string::npos) {
        out.out.insert(at + usage.size(), " SERVICE COMMAND [ARGS...]");
      }
    }
    return out;
  } catch (const CLI::ParseError& error) {
    for (const CLI::App* at = &app; !at->get_subcommands().empty();) {
      at = at->get_subcommands().front();
      command += (command.empty() ? "" : " ") + at->get_name();
    }
    return usage_error(error.what(), {}, command);
  }
  if (!app.get_subcommands().empty()) {
    if (auto refused = refuse_extras(app, "", app.remaining())) return *refused;
  }
  while (!leaf->get_subcommands().empty()) {
    leaf = leaf->get_subcommands().front();
    command += (command.empty() ? "" : " ") + leaf->get_name();
  }
  if (takes_program(command)) {
    if (auto refused = finish_program(out.arguments, *leaf)) return *refused;
    const std::string wrong = settle(out.arguments.up);
    return wrong.empty() ? out : usage_error(wrong, {}, command);
  }
  if (auto refused = refuse_extras(*leaf, command, leaf->remaining())) return *refused;
  if (command.empty() || command == "network" || command == "volume" || command == "image") {
    out.exit = command.empty() && words.empty() ? 0 : kUsageExit;
    (words.empty() ? out.out : out.err) = leaf->help();
    return out;
  }
  if (const std::string wrong = settle(out.arguments.up); !wrong.empty()) {
    return usage_error(wrong, {}, command);
  }
  return out;
}

namespace {

bool is_global(const CLI::Option& option) {
  return option.get_group() == kGlobalGroup || option.check_lname("help");
}

void describe(const CLI::App& app, const std::string& name, std::vector<KnownCommand>& out) {
  KnownCommand known{name, {}};
  for (const CLI::Option* option : app.get_options([](const CLI::Option*) { return true; })) {
    if (option->get_positional() || (is_global(*option) && !name.empty())) continue;
    Words names;
    for (const std::string& shorter : option->get_snames()) names.push_back("-" + shorter);
    for (const std::string& longer : option->get_lnames()) names.push_back("--" + longer);
    known.options.push_back(std::move(names));
  }
  const auto inner = app.get_subcommands([](const CLI::App*) { return true; });
  if (inner.empty() || name.empty()) out.push_back(std::move(known));
  for (const CLI::App* each : inner) {
    describe(*each, base::cat(name, name.empty() ? "" : " ", each->get_name()), out);
  }
}

}  // namespace

std::vector<KnownCommand> known_commands() {
  Arguments to;
  CLI::App app("", "stack");
  add_program(app, to);
  for (const CommandRow& row : kCommandRows) row.add(*app.add_subcommand(row.name), to);
  std::vector<KnownCommand> out;
  describe(app, "", out);
  return out;
}

}  // namespace cli
