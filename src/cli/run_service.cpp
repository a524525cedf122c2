// run: one command in a container of its own, made from a service. The container is planned and
// started as any other; while we live, its streams are ours (supervisor/run_owner.hpp).
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>

#include "base/error.hpp"
#include "base/sys.hpp"
#include "cli/apply.hpp"
#include "cli/commands.hpp"
#include "cli/ensure_images.hpp"
#include "cli/errors.hpp"
#include "cli/exit_of.hpp"
#include "cli/one_off.hpp"
#include "cli/preflight.hpp"
#include "cli/pty.hpp"
#include "cli/relay_pipes.hpp"
#include "executor/container_state.hpp"
#include "executor/stack_look.hpp"
#include "image/store.hpp"
#include "planner/pre_start.hpp"
#include "supervisor/run_owner.hpp"

namespace cli {

namespace {

spec::Loaded load_service(const Context& context, const std::string& service) {
  spec::LoadOptions options = context.load_options();
  options.wanted = {service};
  spec::Loaded loaded = context.load_and_warn(options);
  check_services({service}, service_names(loaded.stack), loaded.stack.name);
  return loaded;
}

class ServiceRun {
 public:
  ServiceRun(const Context& context, const Arguments& args, spec::Loaded loaded)
      : context_(context),
        args_(args),
        loaded_(std::move(loaded)),
        paths_(context.roots, loaded_.stack.name),
        name_(one_off_name(loaded_.stack.name, args)) {
    one_off_ = {args.names.front(), name_, args.run.remove, args.run.use_aliases};
    tty_ = !args.run.no_tty && !args.run.detach && is_terminal(STDIN_FILENO) &&
           is_terminal(STDOUT_FILENO);
    loaded_.stack.services[planner::one_off_key(one_off_.service)] =
        one_off_service({context, args, loaded_, name_, tty_});
    // Of what it depends on; its own service's steps are for that.
    planner::add_steps(loaded_.stack);
    diff_.oneoff = name_;
    diff_.no_deps = args.run.no_deps;
    diff_.remove_orphans = args.up.remove_orphans;
  }

  int print() {
    planned_ = make_plan({loaded_, paths_, diff_, &one_off_});
    write_text(STDOUT_FILENO, planner::to_text(planned_.plan, {context_.out_colour}));
    return kDone;
  }

  int run() {
    require_root("run");
    refuse_known_name();
    base::Fd lease = hold_images();
    Signals signals({SIGINT, SIGTERM, SIGHUP, SIGQUIT});
    std::signal(SIGPIPE, SIG_IGN);  // NOLINT: one who stops reading is seen where we write
    base::Fd owner;
    if (!args_.run.detach) owner = supervisor::own_run(paths_, name_);
    const int status = start(signals);
    lease.reset();
    if (status != kDone || signals.count() > 0) {
      const int shown = signals.count() > 0 ? kInterrupted : status;
      remove_if_asked();
      return shown;
    }
    if (args_.run.detach) {
      write_text(STDOUT_FILENO, name_ + "\n");
      return kDone;
    }
    return attend(signals);
  }

 private:
  base::Fd hold_images() {
    EnsureImages options;
    options.pull = args_.up.pull;
    options.quiet = args_.up.quiet_pull || progress_mode() == ProgressMode::Quiet;
    const std::string key = planner::one_off_key(one_off_.service);
    options.services = {key};
    if (!args_.run.no_deps) options.services = with_dependencies(loaded_.stack, {key});
    ensure_images(context_, loaded_, options);
    return image::Store(context_.roots).lease();
  }

  [[nodiscard]] ProgressMode progress_mode() const {
    return args_.run.quiet ? ProgressMode::Quiet : context_.globals.progress;
  }

  // --name: what is there already is not to be taken for ours.
  void refuse_known_name() {
    if (executor::observe(paths_).container(name_) == nullptr) return;
    throw base::Error(base::cat("there is a container ", name_, " already"),
                      "choose another --name, or remove it with `stack rm`");
  }

  // What it is started with besides the plan: a pipe of ours as its stdin.
  int start(const Signals& signals) {
    std::pair<base::Fd, base::Fd> input;
    if (!tty_ && !args_.run.detach && args_.run.interactive) input = base::sys::pipe();
    Progress progress({progress_mode(), context_.globals.ansi});
    supervisor::ApplyOptions options;
    options.stdin_pipe = input.first.get();
    const auto result = carry_out(
        {context_, paths_, progress, options, signals.fd(), [&]() -> std::optional<planner::Plan> {
           planned_ = make_plan({loaded_, paths_, diff_, &one_off_});
           check_obstacles(loaded_, paths_, planned_);
           if (planned_.plan.empty()) return {};
           return planned_.plan;
         }});
    stdin_ = std::move(input.second);
    progress.finish();
    if (signals.count() > 0) return kInterrupted;
    const int status = report(context_, result, progress);
    if (status == kDone) return kDone;
    const auto state = executor::read_state(paths_, name_);
    return state && !state->error.empty() && state->exit.known ? state->exit.code : status;
  }

  int attend(Signals& signals) {
    const auto state = executor::read_state(paths_, name_);
    if (!state) throw base::Error(base::cat("container ", name_, " has gone"));
    const base::PidFd process = base::open_pidfd(state->process);
    if (tty_) {
      supervisor::Client client = supervisor::Client::start(paths_);
      const base::Fd master = client.open_stdin(name_);
      DetachKeys keys;
      if (master && !relay_terminal(master, process, &keys)) return kDone;
    } else {
      const std::string run = paths_.container_run(name_);
      Pipes pipes{base::sys::open(run + "/stdout", O_RDONLY | O_NONBLOCK),
                  base::sys::open(run + "/stderr", O_RDONLY | O_NONBLOCK), std::move(stdin_),
                  base::open_pidfd(state->process)};
      relay_pipes(std::move(pipes), signals);
    }
    const auto exit = exit_of(paths_, name_, state->process, process);
    remove_if_asked();
    if (exit) return exit->code;
    throw base::Error(
        base::cat("container ", name_, " has ended; nobody saw with which exit code"));
  }

  // Otherwise the supervisor would, as soon as we have gone; but who runs us wants it gone then.
  void remove_if_asked() {
    if (!args_.run.remove) return;
    Progress progress({ProgressMode::Quiet, context_.globals.ansi});
    const auto result =
        carry_out({context_, paths_, progress, {}, -1, [&]() -> std::optional<planner::Plan> {
                     const auto [intent, actual] = executor::observe_with_intent(paths_);
                     planner::DownOptions options;
                     options.containers = {name_};
                     if (!intent) return {};
                     planner::Plan plan = planner::plan_down(*intent, actual, options);
                     if (plan.empty()) return {};
                     return plan;
                   }});
    report(context_, result, progress);
  }

  const Context& context_;
  const Arguments& args_;
  spec::Loaded loaded_;
  base::ProjectPaths paths_;
  std::string name_;
  planner::OneOffOptions one_off_;
  planner::DiffOptions diff_;
  Planned planned_;
  base::Fd stdin_;
  bool tty_ = false;
};

}  // namespace

int run_service(const Context& context, const Arguments& args) {
  spec::Loaded loaded = load_service(context, args.names.front());
  if (args.up.build) {
    refuse_build(loaded,
                 args.run.no_deps ? args.names : with_dependencies(loaded.stack, args.names));
  }
  ServiceRun run(context, args, std::move(loaded));
  return context.globals.dry_run ? run.print() : run.run();
}

}  // namespace cli
