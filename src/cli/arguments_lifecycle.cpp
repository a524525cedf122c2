// The options of the commands on containers: start, stop, restart, kill, pause, unpause, rm, scale,
// wait, top, reconcile; run, attach, stats, events, cp, volumes.
#include "base/process.hpp"
#include "base/text.hpp"
#include "cli/options.hpp"

namespace cli {

namespace {

void add_services(CLI::App& app, Arguments& to, const char* example) {
  add_names(app, to.names, "SERVICE", "Only these services");
  add_globals(app, to.globals, FileLetter::File);
  app.footer(base::cat("Example:\n  ", example));
}

}  // namespace

void add_start(CLI::App& start, Arguments& to) {
  add_switch(start, "--wait", to.up.wait, "Wait until everything runs and is healthy");
  add_seconds(start, "--wait-timeout", to.up.wait_timeout, "Longest time to wait with --wait");
  add_services(start, to, "stack start web");
}

void add_stop(CLI::App& stop, Arguments& to) {
  add_seconds(stop, "-t,--timeout", to.stop_timeout, "How long a container may take to stop");
  add_services(stop, to, "stack stop -t 3 web");
}

void add_restart(CLI::App& restart, Arguments& to) {
  add_seconds(restart, "-t,--timeout", to.stop_timeout, "How long a container may take to stop");
  add_switch(restart, "--no-deps", to.restart.no_deps,
             "Leave services alone that depend on these with restart: true");
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
  static bool ignored = false;
  add_switch(kill, "--remove-orphans", ignored,
             "Has no effect: those of services that the file has no longer are always meant, too");
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
  add_switch(rm, "-v,--volumes", to.remove.volumes, "Also their anonymous volumes");
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
  add_switch(wait, "--down-project", to.down.after_wait, "Then take the stack down");
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
      "Silent when nothing is to do; a line a repair. One pass at a time a stack: a second waits. "
      "What somebody stopped stays\nstopped, also across a reboot. What cannot be repaired is "
      "tried "
      "ever less often, and given up after ten times (`ps` tells).\n\n"
      "Exit status: 0 all is as it should be; 1 something could not be mended; 2 something is "
      "waited out or given up; 3 another\npass was at work until the time was over.\n\n"
      "Example (cron; `stack enable` writes it):\n  * * * * * stack reconcile --all");
}

namespace {

void add_schedule(CLI::App& app, Arguments& to) {
  add_switch(app, "--all", to.reconcile.all, "For every stack of this machine");
  add_switch(app, "--cron", to.enable.cron, "A line for cron, also where systemd runs");
  app.add_option("--unit-dir", to.enable.unit_dir,
                 "Folder of systemd's units (default: /etc/systemd/system)")
      ->type_name("DIR");
  app.add_option("--cron-dir", to.enable.cron_dir, "Folder of cron's files (default: /etc/cron.d)")
      ->type_name("DIR");
  add_globals(app, to.globals, FileLetter::File);
}

}  // namespace

void add_enable(CLI::App& enable, Arguments& to) {
  add_switch(enable, "--print", to.enable.print, "Show what would be written, write nothing");
  add_schedule(enable, to);
  enable.footer(
      "Writes a timer for systemd where that runs, a line for cron elsewhere, and says what.\n\n"
      "Example:\n  stack enable --all");
}

void add_disable(CLI::App& disable, Arguments& to) {
  add_schedule(disable, to);
  disable.footer("Example:\n  stack disable --all");
}

void add_run(CLI::App& run, Arguments& to) {
  RunArgs& args = to.run;
  add_switch(run, "-d,--detach", args.detach, "Leave it running and print its name");
  add_switch(run, "--rm", args.remove, "Remove the container when it has ended");
  add_switch(run, "-T,--no-TTY,--no-tty", args.no_tty, "No terminal even when we have one");
  add_switch(run, "-i,--interactive", args.interactive,
             "Pass standard input on (default; --interactive=false: do not)");
  add_switch(run, "--no-deps", args.no_deps, "Leave the services that it depends on alone");
  add_switch(run, "-P,--service-ports", args.service_ports, "Publish the service's ports");
  add_list(run, "-p,--publish", args.publish, "Publish a port", "[[ADDRESS:]HOST:]PORT");
  add_list(run, "-e,--env", args.environment, "Set a variable; NAME alone takes ours",
           "NAME[=VALUE]");
  add_list(run, "--env-from-file", args.env_files, "Set the variables of a file", "FILE");
  add_list(run, "-v,--volume", args.volumes, "Mount a folder or volume", "SOURCE:TARGET[:ro]");
  add_list(run, "-l,--label", args.labels, "Set a label", "NAME=VALUE");
  run.add_option_function<std::string>(
         "--entrypoint", [&args](const std::string& given) { args.entrypoint = given; },
         "Instead of the service's entrypoint")
      ->type_name("COMMAND");
  add_text(run, "--name", args.name, "Instead of PROJECT-SERVICE-run-HASH", "NAME");
  add_text(run, "-u,--user", args.user, "As this user", "USER[:GROUP]");
  add_text(run, "-w,--workdir", args.working_dir, "In this folder", "DIR");
  add_switch(run, "--use-aliases", args.use_aliases, "Answer to the service's names, too");
  add_list(run, "--cap-add", args.cap_add, "Give a capability", "NAME");
  add_list(run, "--cap-drop", args.cap_drop, "Take a capability away", "NAME");
  add_text(run, "--pull", to.up.pull, "When to ask registries", "always|missing|never|policy");
  add_switch(run, "--quiet-pull", to.up.quiet_pull, "No progress of pulls");
  add_switch(run, "-q,--quiet", args.quiet, "No progress");
  add_switch(run, "--remove-orphans", to.up.remove_orphans,
             "Remove containers of services that the file has no longer");
  add_build(run, to.up);
  static bool ignored = false;  // accepted because people type `run -it`
  add_switch(run, "-t,--tty", ignored, "Has no effect: a terminal is made when we have one");
  add_globals(run, to.globals, FileLetter::Run);
  run.prefix_command();
  run.footer(
      "Everything after SERVICE is the command's own; without one, the service's command runs. "
      "What it depends on is\nstarted first. Ports are not published unless asked for. The exit "
      "status is the command's; 126: it cannot be\nexecuted, 127: it does not exist. With a "
      "terminal, ctrl-p ctrl-q leaves it running.\n\nExample:\n  stack run --rm web sh -c 'env | "
      "sort'");
}

void add_attach(CLI::App& attach, Arguments& to) {
  add_text(attach, "--detach-keys", to.attach.detach_keys,
           "What lets go of it (default: ctrl-p,ctrl-q)", "KEYS");
  add_switch(attach, "--no-stdin", to.attach.no_stdin, "Only look");
  add_switch(attach, "--sig-proxy", to.attach.sig_proxy,
             "Pass signals on (default; --sig-proxy=false: do not)");
  add_index(attach, to.index);
  attach
      .add_option_function<std::string>(
          "SERVICE", [&to](const std::string& name) { to.names = {name}; }, "The service")
      ->required()
      ->type_name(" ");
  add_globals(attach, to.globals, FileLetter::File);
  attach.footer(
      "Shows what is printed from now on. What is typed is passed on where the service has tty: or "
      "stdin_open:.\nThe exit status is the container's.\n\nExample:\n  stack attach --no-stdin "
      "web");
}

void add_stats(CLI::App& stats, Arguments& to) {
  add_switch(stats, "-a,--all", to.list.all, "Also those that do not run");
  add_switch(stats, "--no-stream", to.stats.no_stream, "Once, not again and again");
  add_switch(stats, "--no-trunc", to.list.no_trunc, "Whole ids");
  add_text(stats, "--format", to.format, "table, json, or a template: '{{.Name}}: {{.CPUPerc}}'",
           "FORMAT");
  add_names(stats, to.names, "SERVICE", "Only these services");
  add_globals(stats, to.globals, FileLetter::File);
  stats.footer("Example:\n  stack stats --no-stream");
}

void add_events(CLI::App& events, Arguments& to) {
  add_switch(events, "--json", to.events.json, "One object a line");
  add_text(events, "--since", to.events.since, "Also those since then: 10m, 2026-11-24T10:00:00Z",
           "TIME");
  add_text(events, "--until", to.events.until, "End then", "TIME");
  add_names(events, to.names, "SERVICE", "Only these services");
  add_globals(events, to.globals, FileLetter::File);
  events.footer(
      "A `die` tells ends apart: exitCode, signal, oomKilled. The last mebibyte or two are kept, "
      "until the stack goes down.\n\nExample:\n  stack events --since 1h --json");
}

void add_cp(CLI::App& cp, Arguments& to) {
  add_switch(cp, "-a,--archive", to.copy.archive, "Keep owners");
  add_switch(cp, "-L,--follow-link", to.copy.follow_link, "Copy what a link in SOURCE leads to");
  add_switch(cp, "--all", to.copy.all, "To every container of the service, those of `run` too");
  add_index(cp, to.index);
  cp.add_option("PATH", to.names,
                "SERVICE:SOURCE TARGET, or SOURCE SERVICE:TARGET; - is a tar stream")
      ->required()
      ->expected(2)
      ->type_name(" ");
  add_globals(cp, to.globals, FileLetter::File);
  cp.footer(
      "A folder is copied whole; with /. at its end, what it holds. The container's links lead "
      "nowhere but inside it.\n\nExample:\n  stack cp web:/etc/nginx/nginx.conf .");
}

void add_volumes(CLI::App& volumes, Arguments& to) {
  add_switch(volumes, "-q,--quiet", to.list.quiet, "Names only");
  add_text(volumes, "--format", to.format, "table, json, or a template: '{{.Name}}'", "FORMAT");
  add_names(volumes, to.names, "SERVICE", "Only those that these services mount");
  add_globals(volumes, to.globals, FileLetter::File);
  volumes.footer("Example:\n  stack volumes -q db");
}

}  // namespace cli
