// The one file that includes CLI11: it costs seconds of compile time.
#include "cli/arguments.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>

#include "base/error.hpp"
#include "base/process.hpp"
#include "base/text.hpp"

namespace cli {

namespace {

constexpr const char* kGlobalGroup = "Global options";
constexpr int kUsageExit = 1;

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

using Words = std::vector<std::string>;

// One argument an occurrence, however often: a vector option of CLI11 would else swallow what
// follows.
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

enum class FileLetter : std::uint8_t { File, Other };

void add_globals(CLI::App& app, GlobalArgs& to, FileLetter letter) {
  const auto group = [](CLI::Option* option) { option->group(kGlobalGroup); };
  group(add_list(app, letter == FileLetter::File ? "-f,--file" : "--file", to.files,
                 "Stack file; repeat to merge several, - is standard input (COMPOSE_FILE)",
                 "FILE"));
  group(add_text(app, "-p,--project-name", to.project_name, "Project name (COMPOSE_PROJECT_NAME)",
                 "NAME"));
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

void add_up(CLI::App& up, Arguments& to) {
  add_switch(up, "-d,--detach", to.up.detach, "Leave the stack running in the background");
  add_switch(up, "--wait", to.up.wait, "Wait until everything runs and is healthy; implies -d");
  add_seconds(up, "--wait-timeout", to.up.wait_timeout, "Longest time to wait with --wait");
  add_switch(up, "--force-recreate", to.up.force_recreate,
             "Replace containers that did not change");
  add_switch(up, "--no-deps", to.up.no_deps, "Leave the services that these depend on alone");
  add_switch(up, "--remove-orphans", to.up.remove_orphans,
             "Remove containers of services that the file has no longer");
  up.add_option_function<Words>(
        "--scale", [&to](const Words& given) { set_scale(to.up.scale, given); },
        "Run N replicas of SERVICE")
      ->allow_extra_args(false)
      ->type_name("SERVICE=N");
  add_seconds(up, "-t,--timeout", to.stop_timeout, "How long a container may take to stop");
  add_text(up, "--pull", to.up.pull, "When to ask registries, instead of the services' pull_policy",
           "always|missing|never|policy");
  add_switch(up, "--quiet-pull", to.up.quiet_pull, "No progress of pulls");
  static bool no_build = false;  // accepted because people type it
  add_switch(up, "--no-build", no_build, "Has no effect: nothing is ever built");
  add_switch(up, "--no-color", to.logs.no_colour, "Logs without colours");
  add_switch(up, "--no-log-prefix", to.logs.no_prefix, "Logs without the container's name");
  add_switch(up, "--timestamps", to.logs.timestamps, "Logs with the time of each line");
  add_names(up, to.names, "SERVICE", "Only these services and what they depend on");
  add_globals(up, to.globals, FileLetter::File);
  up.footer(
      "Without -d the logs follow until everything has ended; Ctrl-C stops the stack, twice "
      "kills it.\n\nExample:\n  stack up -f app.yaml -d --wait");
}

void add_down(CLI::App& down, Arguments& to) {
  add_switch(down, "-v,--volumes", to.down.volumes, "Also remove its named volumes");
  add_switch(down, "--remove-orphans", to.down.remove_orphans,
             "Also containers of services that the file has no longer");
  add_seconds(down, "-t,--timeout", to.stop_timeout, "How long a container may take to stop");
  add_names(down, to.names, "SERVICE", "Only these services; networks and volumes stay");
  add_globals(down, to.globals, FileLetter::File);
  down.footer(
      "Works from what was last brought up: the stack file may be changed, broken or gone.\n\n"
      "Example:\n  stack down -v -t 3");
}

void add_plan(CLI::App& plan, Arguments& to) {
  add_format(plan, "--format", to.format, {"text", "json"});
  add_switch(plan, "--detailed-exitcode", to.plan.detailed_exitcode,
             "Exit 2 when changes are pending");
  add_switch(plan, "--force-recreate", to.up.force_recreate, "As with `up`");
  add_switch(plan, "--no-deps", to.up.no_deps, "As with `up`");
  add_switch(plan, "--remove-orphans", to.up.remove_orphans, "As with `up`");
  add_names(plan, to.names, "SERVICE", "Only these services and what they depend on");
  add_globals(plan, to.globals, FileLetter::File);
  plan.footer("Example:\n  stack plan --detailed-exitcode || echo \"changes pending\"");
}

void add_ps(CLI::App& ps, Arguments& to) {
  add_switch(ps, "-a,--all", to.list.all, "Also those that have ended");
  add_switch(ps, "-q,--quiet", to.list.quiet, "Names only");
  add_switch(ps, "--services", to.list.services, "Names of services only");
  add_switch(ps, "--no-trunc", to.list.no_trunc, "Whole commands");
  add_format(ps, "--format", to.format, {"table", "json"});
  add_names(ps, to.names, "SERVICE", "Only these services");
  add_globals(ps, to.globals, FileLetter::File);
  ps.footer("--format json prints one object a line.\n\nExample:\n  stack ps -a --format json");
}

void add_logs(CLI::App& logs, Arguments& to) {
  add_switch(logs, "-f,--follow", to.logs.follow, "Go on with new lines");
  logs.add_option_function<std::string>(
          "-n,--tail",
          [&to](const std::string& given) {
            const auto number = base::parse_uint(given);
            if (!number && given != "all") {
              throw CLI::ValidationError(
                  "--tail", base::cat("takes a number or \"all\", not \"", given, "\""));
            }
            to.logs.tail.reset();
            if (number) to.logs.tail = static_cast<std::size_t>(*number);
          },
          "Only the last N lines of each container")
      ->type_name("N|all");
  add_switch(logs, "-t,--timestamps", to.logs.timestamps, "With the time of each line");
  add_switch(logs, "--no-log-prefix", to.logs.no_prefix, "Without the container's name");
  add_switch(logs, "--no-color", to.logs.no_colour, "Without colours");
  add_names(logs, to.names, "SERVICE", "Only these services");
  add_globals(logs, to.globals, FileLetter::Other);
  logs.footer(
      "-f means --follow here: name a file before the command (stack -f app.yaml logs) or "
      "with --file.\nLines of stderr go to stderr.\n\nExample:\n  stack logs -f --tail 20 web");
}

void add_exec(CLI::App& exec, Arguments& to) {
  add_switch(exec, "-T,--no-TTY,--no-tty", to.exec.no_tty, "No terminal even when we have one");
  add_switch(exec, "-d,--detach", to.exec.detach, "Do not wait for it");
  add_switch(exec, "--privileged", to.exec.privileged, "With every capability");
  add_text(exec, "-u,--user", to.exec.user, "As this user", "USER[:GROUP]");
  add_text(exec, "-w,--workdir", to.exec.working_dir, "In this folder", "DIR");
  add_list(exec, "-e,--env", to.exec.environment, "Set a variable; NAME alone takes ours",
           "NAME[=VALUE]");
  add_index(exec, to.index);
  static bool ignored = false;  // accepted because people type `exec -it`
  add_switch(exec, "-i,--interactive", ignored,
             "Has no effect: standard input is always passed on");
  add_switch(exec, "-t,--tty", ignored, "Has no effect: a terminal is made when we have one");
  add_globals(exec, to.globals, FileLetter::File);
  exec.prefix_command();
  exec.footer(
      "Everything after SERVICE is the program's own. Its exit status is passed through; 126: it "
      "cannot be\nexecuted, 127: it does not exist.\n\nExample:\n  stack exec -u root web sh -c "
      "'ls -la /srv'");
}

void add_config(CLI::App& config, Arguments& to) {
  ConfigArgs& args = to.config;
  add_switch(config, "-q,--quiet", args.quiet,
             "Only check; with --format json: what was found, for editors");
  add_format(config, "--format", to.format, {"yaml", "json"});
  add_text(config, "--explain", args.explain, "Where a value came from: services.web.image",
           "PATH");
  add_switch(config, "--services", args.services, "Names of services, one a line");
  add_switch(config, "--volumes", args.volumes, "Names of volumes, one a line");
  add_switch(config, "--networks", args.networks, "Names of networks, one a line");
  add_switch(config, "--models", args.models, "Names of models, one a line");
  add_switch(config, "--images", args.images, "Image references, one a line");
  add_switch(config, "--profiles", args.profiles, "Names of profiles, one a line");
  add_switch(config, "--environment", args.environment, "The variables that the file sees");
  add_switch(config, "--variables", args.variables, "The variables that the file names");
  add_switch(config, "--schema", args.schema, "The JSON Schema of stack files, for editors");
  add_text(config, "--hash", args.hash, "A hash of each service's configuration", "SERVICE|*");
  add_switch(config, "--strict", args.strict, "A variable without a value is an error");
  add_switch(config, "--no-interpolate", args.no_interpolate, "Leave variables as they stand");
  add_switch(config, "--no-normalize", args.no_normalize, "Add no names and no defaults");
  add_switch(config, "--no-path-resolution", args.no_path_resolution, "Leave paths relative");
  add_switch(config, "--no-consistency", args.no_consistency,
             "Do not check what services refer to");
  add_switch(config, "--no-env-resolution", args.no_env_resolution, "Do not read env_file");
  add_switch(config, "--lock-image-digests,--resolve-image-digests", args.image_digests,
             "Not supported");
  add_text(config, "-o,--output", args.output, "Write to FILE instead", "FILE");
  add_names(config, to.names, "SERVICE", "Only these services and what they depend on");
  add_globals(config, to.globals, FileLetter::File);
  config.footer("Example:\n  stack config -q && echo fine");
}

void add_ls(CLI::App& ls, Arguments& to) {
  add_switch(ls, "-a,--all", to.list.all, "Also those with nothing running");
  add_switch(ls, "-q,--quiet", to.list.quiet, "Names only");
  add_format(ls, "--format", to.format, {"table", "json"});
  add_globals(ls, to.globals, FileLetter::File);
  ls.footer("Example:\n  stack ls -a");
}

void add_port(CLI::App& port, Arguments& to) {
  add_format(port, "--protocol", to.port.protocol, {"tcp", "udp"})->description("tcp or udp");
  add_index(port, to.index);
  port.add_option_function<std::string>(
          "SERVICE", [&to](const std::string& name) { to.names = {name}; }, "The service")
      ->required()
      ->type_name(" ");
  port.add_option("PORT", to.port.port, "Its port inside")->required()->type_name(" ");
  add_globals(port, to.globals, FileLetter::File);
  port.footer("Example:\n  stack port web 80        # 0.0.0.0:8080");
}

void add_version(CLI::App& version, Arguments& to) {
  add_switch(version, "--short", to.short_version, "The number only");
  add_format(version, "-f,--format", to.format, {"pretty", "json"});
  add_globals(version, to.globals, FileLetter::Other);
  version.footer("Example:\n  stack version --short");
}

void add_doctor(CLI::App& doctor, Arguments& to) {
  add_format(doctor, "--format", to.format, {"table", "json"});
  add_globals(doctor, to.globals, FileLetter::File);
  doctor.footer(
      "Exit status 1 when something that `up` cannot do without is missing.\n\nExample:\n  "
      "stack doctor");
}

void add_services(CLI::App& app, Arguments& to, const char* example) {
  add_names(app, to.names, "SERVICE", "Only these services");
  add_globals(app, to.globals, FileLetter::File);
  app.footer(base::cat("Example:\n  ", example));
}

void add_start(CLI::App& start, Arguments& to) {
  add_services(start, to, "stack start web");
}

void add_stop(CLI::App& stop, Arguments& to) {
  add_seconds(stop, "-t,--timeout", to.stop_timeout, "How long a container may take to stop");
  add_services(stop, to, "stack stop -t 3 web");
}

void add_restart(CLI::App& restart, Arguments& to) {
  add_seconds(restart, "-t,--timeout", to.stop_timeout, "How long a container may take to stop");
  add_services(restart, to, "stack restart web");
}

void add_kill(CLI::App& kill, Arguments& to) {
  kill.add_option_function<std::string>(
          "-s,--signal",
          [&to](const std::string& given) {
            const auto number = base::parse_signal(given);
            if (!number) {
              throw CLI::ValidationError("--signal",
                                         base::cat("no signal is called \"", given, "\""));
            }
            to.kill_signal = *number;
          },
          "Which signal (default: SIGKILL)")
      ->type_name("SIGNAL");
  add_services(kill, to, "stack kill -s HUP web");
}

void add_pause(CLI::App& pause, Arguments& to) {
  add_services(pause, to, "stack pause web");
}

void add_unpause(CLI::App& unpause, Arguments& to) {
  add_services(unpause, to, "stack unpause web");
}

void add_rm(CLI::App& rm, Arguments& to) {
  add_switch(rm, "-f,--force", to.remove.force, "Do not ask");
  add_switch(rm, "-s,--stop", to.remove.stop, "Stop what runs first");
  static bool ignored = false;
  add_switch(rm, "-v,--volumes", ignored, "Has no effect: anonymous volumes always go along");
  add_names(rm, to.names, "SERVICE", "Only these services");
  add_globals(rm, to.globals, FileLetter::Other);
  rm.footer("Example:\n  stack rm -fs worker");
}

void add_scale(CLI::App& scale, Arguments& to) {
  add_switch(scale, "--no-deps", to.up.no_deps, "Leave the services that these depend on alone");
  scale
      .add_option_function<Words>(
          "SERVICE=N", [&to](const Words& given) { set_scale(to.up.scale, given); },
          "How many replicas")
      ->required()
      ->type_name(" ");
  add_globals(scale, to.globals, FileLetter::File);
  scale.footer("Example:\n  stack scale web=3");
}

void add_wait(CLI::App& wait, Arguments& to) {
  wait.add_option("SERVICE", to.names, "The services")->required()->type_name(" ");
  add_globals(wait, to.globals, FileLetter::File);
  wait.footer(
      "Its exit status is that of the container that ended last.\n\nExample:\n  stack wait "
      "migrate");
}

void add_top(CLI::App& top, Arguments& to) {
  add_services(top, to, "stack top web");
}

void add_reconcile(CLI::App& reconcile, Arguments& to) {
  add_switch(reconcile, "--all", to.reconcile.all, "Every stack of this machine");
  reconcile
      .add_option_function<unsigned>(
          "--timeout", [&to](const unsigned& seconds) { to.reconcile.timeout = seconds; },
          "Longest time for one stack (default: 300)")
      ->type_name("SECONDS");
  add_globals(reconcile, to.globals, FileLetter::File);
  reconcile.footer(
      "Silent when nothing is to do; a line a repair. Exit status 0: all is as it should be; 1: "
      "something could not be mended.\nWhat somebody stopped stays stopped.\n\nExample "
      "(cron):\n  * * * * * stack reconcile --all");
}

// `network` and `volume`: create, ls, inspect, rm, prune.
void add_objects(CLI::App& top, Arguments& to, const std::string& noun, const std::string& plural) {
  top.require_subcommand(0, 1);
  top.footer(base::cat("Example:\n  stack ", noun, " create shared"));
  const auto sub = [&](const char* verb, const std::string& help) -> CLI::App& {
    CLI::App& made = *top.add_subcommand(verb, help);
    made.footer(
        base::cat("Example:\n  stack ", noun, " ", verb,
                  std::string(verb) == "ls" || std::string(verb) == "prune" ? "" : " shared"));
    return made;
  };
  CLI::App& create = sub("create", base::cat("Make a ", noun));
  if (noun == "network") {
    add_list(create, "--subnet", to.object.subnets, "Its subnet; one a family", "CIDR");
    add_list(create, "--gateway", to.object.gateways, "Our address on it", "ADDRESS");
    add_switch(create, "--internal", to.object.internal, "Nothing leaves, nothing enters");
    add_switch(create, "--ipv6", to.object.ipv6, "Also IPv6 addresses");
  }
  add_list(create, "--label", to.object.labels, "Set a label", "NAME=VALUE");
  create
      .add_option_function<std::string>(
          "NAME", [&to](const std::string& name) { to.names = {name}; }, "Its name")
      ->required()
      ->type_name(" ");
  CLI::App& ls = sub("ls", base::cat("List ", plural));
  add_switch(ls, "-q,--quiet", to.list.quiet, "Names only");
  add_format(ls, "--format", to.format, {"table", "json"});
  CLI::App& inspect = sub("inspect", "Show everything about them, as JSON");
  inspect.add_option("NAME", to.names, "Names")->required()->type_name(" ");
  CLI::App& rm = sub("rm", base::cat("Remove ", plural, "; refused while in use"));
  add_switch(rm, "-f,--force", to.object.force, "One that does not exist is no error");
  rm.add_option("NAME", to.names, "Names")->required()->type_name(" ");
  CLI::App& prune = sub("prune", base::cat("Remove ", plural, " that nothing uses"));
  add_switch(prune, "-f,--force", to.object.force, "Do not ask");
  for (CLI::App* each : {&top, &create, &ls, &inspect, &rm, &prune}) {
    add_globals(*each, to.globals, FileLetter::Other);
  }
}

void add_pull(CLI::App& pull, Arguments& to) {
  add_format(pull, "--policy", to.image.policy, {"always", "missing"})
      ->description("missing: only those that are not here");
  add_switch(pull, "--ignore-pull-failures", to.image.ignore_failures, "Go on with the others");
  add_switch(pull, "--include-deps", to.image.dependencies, "Also what the services depend on");
  add_switch(pull, "-q,--quiet", to.list.quiet, "No progress");
  add_names(pull, to.names, "SERVICE", "Only these services");
  add_globals(pull, to.globals, FileLetter::File);
  pull.footer("Example:\n  stack pull --policy missing");
}

void add_push(CLI::App& push, Arguments& to) {
  add_switch(push, "-q,--quiet", to.list.quiet, "No progress");
  add_names(push, to.names, "SERVICE", "Only these services");
  add_globals(push, to.globals, FileLetter::File);
  push.footer("Example:\n  stack push web");
}

void add_images(CLI::App& images, Arguments& to) {
  add_switch(images, "-q,--quiet", to.list.quiet, "Ids only");
  add_format(images, "--format", to.format, {"table", "json"});
  add_names(images, to.names, "SERVICE", "Only these services");
  add_globals(images, to.globals, FileLetter::File);
  images.footer("Example:\n  stack images");
}

void add_df(CLI::App& df, Arguments& to) {
  add_format(df, "--format", to.format, {"table", "json"});
  add_globals(df, to.globals, FileLetter::File);
  df.footer("Example:\n  stack df");
}

// `image`: what belongs to the machine, not to a stack.
void add_image(CLI::App& top, Arguments& to) {
  top.require_subcommand(0, 1);
  top.footer("Example:\n  stack image ls");
  const auto sub = [&](const char* verb, const std::string& help,
                       const char* example) -> CLI::App& {
    CLI::App& made = *top.add_subcommand(verb, help);
    made.footer(base::cat("Example:\n  stack image ", verb, *example == 0 ? "" : " ", example));
    return made;
  };
  const auto operands = [&](CLI::App& each, const char* what) {
    return each.add_option("IMAGE", to.names, what)->type_name(" ");
  };
  CLI::App& ls = sub("ls", "List images", "");
  add_switch(ls, "-q,--quiet", to.list.quiet, "Ids only");
  add_switch(ls, "--no-trunc", to.list.no_trunc, "Whole ids");
  add_format(ls, "--format", to.format, {"table", "json"});
  CLI::App& inspect = sub("inspect", "Show everything about them, as JSON", "redis:7");
  operands(inspect, "Names or ids")->required();
  CLI::App& rm = sub("rm", "Remove images; refused while in use", "redis:7");
  add_switch(rm, "-f,--force", to.object.force, "Of one in use: take the name away");
  operands(rm, "Names or ids")->required();
  CLI::App& prune = sub("prune", "Remove images without a name that no stack uses", "-a -f");
  add_switch(prune, "-a,--all", to.list.all, "Also those with a name");
  add_switch(prune, "-f,--force", to.object.force, "Do not ask");
  CLI::App& load = sub("load", "Load images from archives or layouts", "-i images.tar");
  add_text(load, "-i,--input", to.image.input, "The archive", "FILE");
  add_text(load, "--platform", to.image.platform, "Of several, this platform's", "OS/ARCH");
  add_switch(load, "-q,--quiet", to.list.quiet, "No progress");
  load.add_option("SOURCE", to.names, "FILE, oci:DIR, oci-archive:FILE, docker-archive:FILE")
      ->type_name(" ");
  CLI::App& save = sub("save", "Write images into one archive", "-o redis.tar redis:7");
  add_text(save, "-o,--output", to.image.output, "Write to FILE instead of standard output",
           "FILE");
  add_format(save, "--format", to.format, {"oci-archive", "docker-archive"})
      ->description("oci-archive also has what docker load reads");
  operands(save, "Names or ids")->required();
  CLI::App& verify = sub("verify", "Check that images are what they say", "");
  add_switch(verify, "-q,--quiet", to.list.quiet, "Only the exit status");
  add_switch(verify, "--mend", to.image.mend,
             "Unpack again what suffered when the machine stopped");
  operands(verify, "Names or ids; all when none is given");
  CLI::App& pull = sub("pull", "Pull images from registries", "redis:7");
  add_text(pull, "--platform", to.image.platform, "Another platform's than this machine's",
           "OS/ARCH");
  add_switch(pull, "-q,--quiet", to.list.quiet, "No progress");
  operands(pull, "Names")->required();
  CLI::App& push = sub("push", "Push images to registries", "localhost:5000/app:1");
  add_text(push, "--as", to.image.as, "Under another name than its own", "NAME");
  add_switch(push, "-q,--quiet", to.list.quiet, "No progress");
  operands(push, "Names")->required();
  for (CLI::App* each : {&top, &ls, &inspect, &rm, &prune, &load, &save, &verify, &pull, &push}) {
    add_globals(*each, to.globals, FileLetter::Other);
  }
}

void add_network(CLI::App& network, Arguments& to) {
  add_objects(network, to, "network", "networks");
}

void add_volume(CLI::App& volume, Arguments& to) {
  add_objects(volume, to, "volume", "volumes");
}

struct CommandRow {
  const char* name;
  const char* summary;
  void (*add)(CLI::App& command, Arguments& to);
};
// In the order of `stack --help`.
constexpr CommandRow kCommandRows[] = {
    {"up", "Make what runs equal the stack file", add_up},
    {"down", "Stop and remove the stack's containers and networks", add_down},
    {"plan", "Show the steps `up` would take, and why", add_plan},
    {"ps", "List the stack's containers", add_ps},
    {"logs", "Show what the containers printed", add_logs},
    {"exec", "Run a program inside a running container", add_exec},
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
    {"reconcile", "Mend what is not as it was brought up", add_reconcile},
    {"pull", "Pull the images of the stack's services", add_pull},
    {"push", "Push the images of the stack's services", add_push},
    {"images", "List the images of the stack's containers", add_images},
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

std::optional<Parsed> finish_exec(Arguments& to, const CLI::App& exec) {
  const Words rest = exec.remaining();
  if (!rest.empty() && rest.front().size() > 1 && rest.front()[0] == '-') {
    return refuse_extras(exec, "exec", rest);
  }
  if (rest.size() < 2) {
    return usage_error("exec needs a service and a program", "stack exec web sh", "exec");
  }
  to.names = {rest.front()};
  to.exec.argv.assign(rest.begin() + 1, rest.end());
  return {};
}

bool names(const Words& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Only the commands that may be meant are built, for an option of CLI11's costs microseconds and
// there are hundreds. All of them where they are listed: for help, and to find what an unknown word
// was meant to be.
void build(CLI::App& app, Arguments& to, const Words& words) {
  add_globals(app, to.globals, FileLetter::File);
  app.set_version_flag("-v,--version", std::string("stack version ") + STACK_VERSION);
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
    if (sub->get_name() != "exec") sub->allow_extras();
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
    static constexpr std::string_view kExecUsage = "exec [OPTIONS]";
    if (const auto at = out.out.find(kExecUsage); at != std::string::npos) {
      out.out.insert(at + kExecUsage.size(), " SERVICE COMMAND [ARGS...]");
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
  if (command == "exec") {
    if (auto refused = finish_exec(out.arguments, *leaf)) return *refused;
    return out;
  }
  if (auto refused = refuse_extras(*leaf, command, leaf->remaining())) return *refused;
  if (command.empty() || command == "network" || command == "volume" || command == "image") {
    out.exit = command.empty() && words.empty() ? 0 : kUsageExit;
    (words.empty() ? out.out : out.err) = leaf->help();
    return out;
  }
  if (out.arguments.up.wait) out.arguments.up.detach = true;
  return out;
}

}  // namespace cli
