#include "cli/apply.hpp"

#include <unistd.h>

#include <algorithm>

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

supervisor::ApplyResult carry_out(const ApplyRequest& request) {
  constexpr int kAttempts = 5;
  supervisor::ApplyResult result;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const auto plan = request.make_plan();
    if (!plan) {
      (void)supervisor::Client::connect_renewed(request.paths);  // of a newer program: taken up
      return {true, false, {}};
    }
    supervisor::Client client = supervisor::Client::start(request.paths);
    result = client.apply(
        *plan, request.options,
        [&](const executor::StepEvent& event) { request.progress.take(event); },
        request.interrupt_fd);
    if (!result.stale) return result;
  }
  result.ok = false;
  if (result.error.empty()) {
    result.error = base::cat("the state of stack ", request.paths.project,
                             " keeps changing: the plan was out of date ", kAttempts, " times");
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
    out = render_error(result.error.empty() ? "not everything could be done" : result.error, {},
                       context.err_colour);
  }
  write_text(STDERR_FILENO, out);
  return result.ok && progress.failures().empty() ? kDone : kFailed;
}

}  // namespace cli
