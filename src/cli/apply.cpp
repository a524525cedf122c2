#include "cli/apply.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>

#include "base/sys.hpp"
#include "cli/errors.hpp"
#include "cli/terminal.hpp"

namespace cli {

std::string describe_skipped(const std::vector<executor::StepEvent>& skipped, bool colour) {
  std::string out;
  for (auto at = skipped.begin(); at != skipped.end(); ++at) {
    const auto same = [at](const executor::StepEvent& each) {
      return each.text == at->text && each.hint == at->hint;
    };
    if (std::any_of(skipped.begin(), at, same)) continue;
    std::vector<std::string> names;
    for (const executor::StepEvent& each : skipped) {
      if (same(each)) names.push_back(each.target);
    }
    out += render_error(base::cat(names.size() > 1 ? "Containers " : "Container ",
                                  base::join(names, ", "), ": skipped: ", at->text),
                        at->hint, colour);
  }
  return out;
}

namespace {

bool is_readable(int fd) {
  pollfd wait{fd, POLLIN, 0};
  return fd >= 0 && ::poll(&wait, 1, 0) > 0;
}

}  // namespace

supervisor::ApplyResult carry_out(const ApplyRequest& request) {
  // Each conflict is another's success, so many at once come through one after the other; a
  // supervisor that dies of this very plan is not tried for as long.
  constexpr int kDeaths = 5;
  constexpr base::Duration kPatience = std::chrono::seconds(60);
  const base::Duration give_up = base::sys::monotonic_now() + kPatience;
  supervisor::ApplyResult result;
  std::optional<supervisor::Client> client;
  int attempt = 0;
  for (int deaths = 0; deaths < kDeaths; ++attempt) {
    // Asked to stop, it begins nothing anew.
    if (attempt > 0 && is_readable(request.interrupt_fd)) {
      return {.error = base::cat("cancelled: the state of stack ", request.paths.project,
                                 " has changed, and the plan was not made again")};
    }
    if (attempt >= kDeaths) {
      if (base::sys::monotonic_now() >= give_up) break;
      ::usleep(static_cast<useconds_t>(1000 * ((::getpid() + attempt) % 20)));  // out of step
    }
    const auto plan = request.make_plan();
    if (!plan) {
      // Of a newer program: taken up.
      if (!client) (void)supervisor::Client::connect_renewed(request.paths);
      return {.ok = true};
    }
    // Kept from one attempt to the next, so that the supervisor does not leave in between.
    if (!client) client = supervisor::Client::start(request.paths);
    result = client->apply(
        *plan, request.options,
        [&](const executor::StepEvent& event) { request.progress.take(event); },
        request.interrupt_fd);
    if (!result.stale || request.only_this) return result;
    if (result.gone) {
      client.reset();
      ++deaths;
    }
  }
  result.ok = false;
  if (result.error.empty()) {
    result.error = base::cat("the state of stack ", request.paths.project,
                             " keeps changing: the plan was out of date ", attempt, " times");
  }
  return result;
}

int report(const Context& context, const supervisor::ApplyResult& result,
           const Progress& progress) {
  std::string out;
  for (const executor::StepEvent& event : progress.failures()) {
    out += render_error(base::cat(display_name(event), ": ", event.text), event.hint,
                        context.err_colour);
  }
  out += describe_skipped(progress.skipped(), context.err_colour);
  if (!result.ok && out.empty()) {
    out = render_error(result.error.empty() ? "not everything could be done" : result.error,
                       result.hint, context.err_colour);
  }
  write_text(STDERR_FILENO, out);
  return result.ok && progress.failures().empty() ? kDone : kFailed;
}

}  // namespace cli
