// The options of the commands that make containers: up, create; and what may not stand together.
#include <algorithm>

#include "base/text.hpp"
#include "cli/options.hpp"

namespace cli {

namespace {

// What up and create share.
void add_making(CLI::App& app, Arguments& to) {
  add_switch(app, "--force-recreate", to.up.force_recreate,
             "Replace containers that did not change");
  add_switch(app, "--no-recreate", to.up.no_recreate,
             "Leave containers that are there as they are, changed or not");
  add_switch(app, "--no-deps", to.up.no_deps, "Leave the services that these depend on alone");
  add_switch(app, "--remove-orphans", to.up.remove_orphans,
             "Remove containers of services that the file has no longer");
  app.add_option_function<Words>(
         "--scale", [&to](const Words& given) { set_scale(to.up.scale, given); },
         "N replicas of SERVICE")
      ->allow_extra_args(false)
      ->type_name("SERVICE=N");
  add_text(app, "--pull", to.up.pull,
           "When to ask registries, instead of the services' pull_policy",
           "always|missing|never|policy");
  add_switch(app, "--quiet-pull", to.up.quiet_pull, "No progress of pulls");
  add_build(app, to.up);
  static bool ignored = false;  // accepted because people type it
  add_switch(app, "-y,--yes", ignored, "Has no effect: nothing is asked");
}

// Whose end stops the stack, and whose logs are shown; without -d only.
void add_foreground(CLI::App& up, Arguments& to) {
  UpArgs& args = to.up;
  add_switch(up, "--abort-on-container-exit", args.abort_on_exit,
             "Stop all when a container has ended");
  add_switch(up, "--abort-on-container-failure", args.abort_on_failure,
             "Stop all when a container has ended with another status than 0");
  add_text(up, "--exit-code-from", args.exit_code_from,
           "End with the status of this service's container; implies --abort-on-container-exit",
           "SERVICE");
  add_list(up, "--attach", args.attach, "Show the logs of these services only", "SERVICE");
  add_list(up, "--no-attach", args.no_attach, "Do not show the logs of these services", "SERVICE");
  add_switch(up, "--attach-dependencies", args.attach_dependencies,
             "Show the logs of what SERVICE depends on, too");
  add_switch(up, "--no-color", to.logs.no_colour, "Logs without colours");
  add_switch(up, "--no-log-prefix", to.logs.no_prefix, "Logs without the container's name");
  add_switch(up, "--timestamps", to.logs.timestamps, "Logs with the time of each line");
  const auto refused = [&up](const char* name, const char* help, const char* why) {
    up.add_flag_function(
        name,
        [name, why](std::int64_t count) {
          if (count > 0) throw CLI::ValidationError(name, why);
        },
        help);
  };
  refused("--menu", "Not supported; --menu=false is", "there are no shortcuts: Ctrl-C stops");
  refused("-w,--watch", "Not supported", "is not supported: `develop` has no effect yet");
}

}  // namespace

void add_build(CLI::App& app, UpArgs& into) {
  add_switch(app, "--build", into.build,
             "Refused where a service has a build: section: images are not built");
  add_switch(app, "--no-build", into.no_build, "Has no effect: images are not built");
  static bool ignored = false;  // accepted because people type it
  add_switch(app, "--quiet-build", ignored, "Has no effect: images are not built");
}

void add_up(CLI::App& up, Arguments& to) {
  add_switch(up, "-d,--detach", to.up.detach, "Leave the stack running in the background");
  add_switch(up, "--wait", to.up.wait, "Wait until everything runs and is healthy; implies -d");
  add_seconds(up, "--wait-timeout", to.up.wait_timeout, "Longest time to wait with --wait");
  add_switch(up, "--no-start", to.up.no_start, "Make everything and start nothing; implies -d");
  add_making(up, to);
  add_switch(up, "--always-recreate-deps", to.up.recreate_dependencies,
             "Replace what SERVICE depends on, too");
  add_switch(up, "-V,--renew-anon-volumes", to.up.renew_volumes,
             "Containers that are made anew get new anonymous volumes");
  add_seconds(up, "-t,--timeout", to.stop_timeout, "How long a container may take to stop");
  add_foreground(up, to);
  add_names(up, to.names, "SERVICE", "Only these services and what they depend on");
  add_globals(up, to.globals, FileLetter::File);
  up.footer(
      "Without -d the logs follow until everything has ended; Ctrl-C stops the stack, twice "
      "kills it.\n\nExample:\n  stack up -f app.yaml -d --wait");
}

void add_create(CLI::App& create, Arguments& to) {
  add_making(create, to);
  add_names(create, to.names, "SERVICE", "Only these services and what they depend on");
  add_globals(create, to.globals, FileLetter::File);
  create.footer("`stack start` starts them.\n\nExample:\n  stack create && stack start web");
}

std::string settle(UpArgs& up) {
  struct Given {
    bool on;
    const char* name;
  };
  const auto clash = [](const Given& one, std::initializer_list<Given> others) -> std::string {
    if (!one.on) return {};
    for (const Given& other : others) {
      if (other.on) return base::cat(one.name, " and ", other.name, " cannot stand together");
    }
    return {};
  };
  if (!up.exit_code_from.empty() && !up.abort_on_failure) up.abort_on_exit = true;
  const char* exit_name =
      up.exit_code_from.empty() ? "--abort-on-container-exit" : "--exit-code-from";
  const Given abort_exit{up.abort_on_exit, exit_name};
  const Given abort_failure{up.abort_on_failure, "--abort-on-container-failure"};
  const Given attach{!up.attach.empty(), "--attach"};
  const Given dependencies{up.attach_dependencies, "--attach-dependencies"};
  const std::string found[] = {
      clash({up.wait, "--wait"}, {abort_exit, abort_failure, attach, dependencies}),
      clash({up.no_start, "--no-start"}, {abort_exit, abort_failure, attach, dependencies}),
      clash({up.detach, "--detach"}, {abort_exit, abort_failure, attach, dependencies}),
      clash(abort_exit, {abort_failure}),
      clash(attach, {dependencies}),
      clash({up.no_recreate, "--no-recreate"},
            {{up.force_recreate, "--force-recreate"},
             {up.recreate_dependencies, "--always-recreate-deps"},
             {up.renew_volumes, "--renew-anon-volumes"}}),
      clash({up.build, "--build"}, {{up.no_build, "--no-build"}}),
  };
  for (const std::string& text : found) {
    if (!text.empty()) return text;
  }
  if (up.wait || up.no_start) up.detach = true;
  return {};
}

}  // namespace cli
