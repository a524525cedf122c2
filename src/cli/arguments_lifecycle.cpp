// The options of the commands on containers that are there: start, stop, restart, kill, pause,
// unpause, rm, scale, wait, top, reconcile.
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

}  // namespace cli
