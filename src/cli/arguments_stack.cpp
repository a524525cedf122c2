// The options of the commands that are about a whole stack: down, plan, apply, ps, logs, exec,
// config, ls, port, version, doctor.
#include "base/text.hpp"
#include "cli/options.hpp"

namespace cli {

void add_down(CLI::App& down, Arguments& to) {
  add_switch(down, "-v,--volumes", to.down.volumes, "Also remove its named volumes");
  add_switch(down, "--remove-orphans", to.down.remove_orphans,
             "Also containers of services that the file has no longer");
  add_seconds(down, "-t,--timeout", to.stop_timeout, "How long a container may take to stop");
  add_format(down, "--rmi", to.down.images, {"local", "all"})
      ->description(
          "all: also the images of its services that no other stack uses; local: those "
          "of services\nwithout image:, which are none here");
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
  add_text(plan, "-o,--out", to.plan.out, "Also write the plan to FILE, for `apply`", "FILE");
  add_switch(plan, "--force-recreate", to.up.force_recreate, "As with `up`");
  add_switch(plan, "--no-deps", to.up.no_deps, "As with `up`");
  add_switch(plan, "--remove-orphans", to.up.remove_orphans, "As with `up`");
  add_names(plan, to.names, "SERVICE", "Only these services and what they depend on");
  add_globals(plan, to.globals, FileLetter::File);
  plan.footer("Example:\n  stack plan --detailed-exitcode || echo \"changes pending\"");
}

void add_apply(CLI::App& apply, Arguments& to) {
  apply
      .add_option_function<std::string>(
          "FILE", [&to](const std::string& file) { to.names = {file}; },
          "What `plan -o` wrote; - is standard input")
      ->required()
      ->type_name(" ");
  add_switch(apply, "--wait", to.up.wait, "Wait until everything runs and is healthy");
  add_seconds(apply, "--wait-timeout", to.up.wait_timeout, "Longest time to wait with --wait");
  add_seconds(apply, "-t,--timeout", to.stop_timeout, "How long a container may take to stop");
  add_globals(apply, to.globals, FileLetter::File);
  apply.footer(
      "The stack file is not read. A plan whose stack has changed since is refused, and nothing is "
      "done.\n\nExample:\n  stack plan -o plan.json && stack apply plan.json");
}

void add_ps(CLI::App& ps, Arguments& to) {
  add_switch(ps, "-a,--all", to.list.all, "Also those that have ended");
  add_switch(ps, "-q,--quiet", to.list.quiet, "Names only");
  add_switch(ps, "--services", to.list.services, "Names of services only");
  add_switch(ps, "--no-trunc", to.list.no_trunc, "Whole commands");
  add_list(ps, "--status", to.list.statuses, "Only those in this state; implies -a",
           "created|running|paused|restarting|exited");
  add_list(ps, "--filter", to.list.filters, "The same: status=exited", "status=STATE");
  add_switch(ps, "--orphans", to.list.orphans,
             "Also those of services that the file has no longer (default; --orphans=false: not)");
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
  add_text(logs, "--since", to.logs.since, "Only lines from then on: 10m, 2026-01-31T12:00:00Z",
           "TIME");
  add_text(logs, "--until", to.logs.until, "Only lines up to then", "TIME");
  add_index(logs, to.index);
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
  add_list(ls, "--filter", to.list.filters, "Only those whose name holds this", "name=TEXT");
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

}  // namespace cli
