// reconcile: one pass that makes what runs equal what was last brought up. For cron and timers:
// silent when nothing is to do, a line a repair, bounded in time, at most one at a time a stack.
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/process.hpp"
#include "base/sys.hpp"
#include "base/text.hpp"
#include "cli/apply.hpp"
#include "cli/commands.hpp"
#include "cli/errors.hpp"
#include "cli/repairs.hpp"
#include "cli/terminal.hpp"
#include "executor/look.hpp"
#include "executor/stack_look.hpp"

namespace cli {

namespace {

constexpr int kBusy = 3;  // another pass was at work all the time
// What has begun when the time is over may end by itself within this.
constexpr base::Duration kLastBreath = std::chrono::seconds(5);

// Readable after so many seconds: ends a pass as Ctrl-C would.
base::Fd deadline(base::Duration left) {
  base::Fd timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!timer) base::throw_errno("timerfd_create");
  const base::Duration least = std::max<base::Duration>(left, std::chrono::milliseconds(1));
  itimerspec when{};
  when.it_value.tv_sec = static_cast<time_t>(least.count() / 1'000'000'000);
  when.it_value.tv_nsec = static_cast<long>(least.count() % 1'000'000'000);
  if (::timerfd_settime(timer.get(), 0, &when, nullptr) != 0) base::throw_errno("timerfd_settime");
  return timer;
}

// One pass at a time a stack.
class Turn {
 public:
  // Waits for its turn until `end`; throws base::Error, which says who has it.
  Turn(const base::ProjectPaths& paths, base::Duration end)
      : path_(paths.data + "/reconcile.lock") {
    while (true) {
      try {
        auto lock = base::lock_file(path_, {.wait = false});
        if (lock) {
          lock_ = std::move(*lock);
          sign();
          return;
        }
      } catch (const base::SysError&) {
        return;  // a full disk or a read-only one: what can be mended is mended all the same
      }
      if (base::sys::monotonic_now() >= end) break;
      ::usleep(20'000);
    }
    busy_ = true;
  }
  [[nodiscard]] bool busy() const { return busy_; }
  [[nodiscard]] std::string holder() const {
    const std::string text(base::trim(base::read_start(path_, 64)));
    return base::parse_uint(text) ? base::cat(" (pid ", text, ")") : std::string();
  }

 private:
  void sign() const {
    const std::string text = base::cat(::getpid(), "\n");
    if (::ftruncate(lock_.get(), 0) == 0 && ::pwrite(lock_.get(), text.data(), text.size(), 0) < 0)
      return;  // only for people
  }
  std::string path_;
  base::Fd lock_;
  bool busy_ = false;
};

std::string repair_line(const std::string& project, const planner::Step& step) {
  std::vector<std::string> reasons;
  for (const planner::Reason& reason : step.reasons) reasons.push_back(reason.text);
  return base::cat(project, ": ", planner::describe(step), ": ", base::join(reasons, ", "), "\n");
}

const executor::StepEvent* find_event(const std::vector<executor::StepEvent>& events,
                                      const planner::Step& step) {
  const auto at = std::find_if(events.begin(), events.end(), [&](const executor::StepEvent& event) {
    return event.kind == step.kind && event.target == step.target;
  });
  return at == events.end() ? nullptr : &*at;
}

// Without what is waited out; containers are left out by the plan itself, which knows who waits for
// whom.
planner::Plan without_held(const planner::DesiredState& intent, const planner::ActualState& actual,
                           const Repairs& repairs, bool& held) {
  planner::Plan plan = planner::plan_reconcile(intent, actual);
  const base::Duration now = base::sys::monotonic_now();
  std::vector<std::string> leave;
  std::set<std::string> others;
  for (const planner::Step& step : plan.steps) {
    if (!repairs.is_held(step, now)) continue;
    held = true;
    if (step.kind == planner::Kind::Container) {
      leave.push_back(step.target);
    } else {
      others.insert(step.id);
    }
  }
  if (!leave.empty()) plan = planner::plan_reconcile(intent, actual, leave);
  std::erase_if(plan.steps, [&](const planner::Step& step) { return others.count(step.id) != 0; });
  for (planner::Step& step : plan.steps) {
    std::erase_if(step.after, [&](const std::string& id) { return others.count(id) != 0; });
  }
  return plan;
}

// What waits in vain for a step of its own service: the step's failure is its own.
bool waits_for_steps(const planner::Plan& plan, const planner::Step& step) {
  const planner::Container* waiting = plan.container(step.target);
  return waiting != nullptr &&
         std::any_of(step.waits.begin(), step.waits.end(), [&](const planner::Wait& wait) {
           const planner::Container* other = plan.container(wait.container);
           return other != nullptr && other->step != 0 && other->service == waiting->service;
         });
}

// What was done and what was not, for the next pass.
void note(Repairs& repairs, const planner::Plan& plan, const Progress& progress,
          const supervisor::ApplyResult& result) {
  const base::Duration now = base::sys::monotonic_now();
  for (const planner::Step& step : plan.steps) {
    if (const auto* failure = find_event(progress.failures(), step)) {
      repairs.note_failed(step, failure->text, now);
    } else if (const auto* skip = find_event(progress.skipped(), step);
               skip != nullptr && waits_for_steps(plan, step)) {
      repairs.note_failed(step, skip->text, now);
    } else if (result.ok) {
      repairs.note_done(step, now);
    }
  }
}

int reconcile_one(const Context& context, const base::ProjectPaths& paths, unsigned seconds) {
  const base::Duration last = base::sys::monotonic_now() + std::chrono::seconds(seconds);
  if (!base::exists(paths.desired)) return kDone;
  const Turn turn(paths, last);
  if (turn.busy()) {
    write_text(STDERR_FILENO, render_error(base::cat("stack ", paths.project, ": another reconcile",
                                                     turn.holder(), " is at work"),
                                           {}, context.err_colour));
    return kBusy;
  }
  Progress progress({ProgressMode::Quiet, context.globals.ansi});
  const base::Fd end = deadline(last - base::sys::monotonic_now());
  Repairs repairs = Repairs::read(paths);
  planner::Plan plan;
  bool held = false;
  supervisor::ApplyOptions options;
  options.give_up_after = kLastBreath;
  const auto result = carry_out(
      {context, paths, progress, options, end.get(), [&]() -> std::optional<planner::Plan> {
         auto [intent, actual] = executor::observe_with_intent(paths);
         if (!intent) {
           if (!base::exists(paths.desired)) return {};
           throw base::Error(
               base::cat("what was brought up cannot be read: ", paths.desired),
               base::cat("bring it up again, or end it: stack -p ", paths.project, " down"));
         }
         executor::look_closer(actual, *intent, paths);
         held = false;
         planner::Plan next = without_held(*intent, actual, repairs, held);
         if (!held) repairs.keep_only(next.steps, base::sys::monotonic_now());
         if (next.empty()) return {};
         plan = next;
         return next;
       }});
  note(repairs, plan, progress, result);
  repairs.write(paths);
  std::string lines;
  for (const planner::Step& step : plan.steps) {
    if (find_event(progress.failures(), step) || find_event(progress.skipped(), step)) continue;
    if (result.ok || !result.stale) lines += repair_line(paths.project, step);
  }
  write_text(STDOUT_FILENO, lines);
  const int status = report(context, result, progress);
  return status == kDone && held ? kChangesPending : status;
}

// The one that says most about what is wrong.
int worse(int a, int b) {
  for (const int status : {kFailed, kBusy, kChangesPending}) {
    if (a == status || b == status) return status;
  }
  return kDone;
}

}  // namespace

int reconcile(const Context& context, const Arguments& args) {
  require_root("reconcile");
  if (!args.reconcile.all) {
    return reconcile_one(context, context.project(), args.reconcile.timeout);
  }
  int status = kDone;
  for (const std::string& project : base::list_dir(context.roots.stacks())) {
    const base::ProjectPaths paths(context.roots, project);
    try {
      status = worse(status, reconcile_one(context, paths, args.reconcile.timeout));
    } catch (const base::Error& error) {
      write_text(STDERR_FILENO, render_error(base::cat("stack ", project, ": ", error.what()),
                                             error.hint(), context.err_colour));
      status = kFailed;
    }
  }
  return status;
}

}  // namespace cli
