// Carrying a plan out as a person sees it: supervisor, progress, failures, and planning again when
// the state changed underneath. Used by up, down, apply and the like.
#pragma once

#include <functional>

#include "cli/context.hpp"
#include "cli/progress.hpp"
#include "planner/plan.hpp"
#include "supervisor/client.hpp"

namespace cli {

struct ApplyRequest {
  const Context& context;
  const base::ProjectPaths& paths;
  Progress& progress;
  supervisor::ApplyOptions options;
  int interrupt_fd = -1;
  // Makes the plan from what is there now; called again when the one before was stale. Nothing:
  // there is nothing to carry out.
  std::function<std::optional<planner::Plan>()> make_plan;
  // This plan and no other: a stale result is returned as it is.
  bool only_this = false;
};
// Plans again for as long as that may help; then a result with an error.
supervisor::ApplyResult carry_out(const ApplyRequest& request);

// Who was left alone, and why; those with the same reason together, so that a broken database is
// told once and not once for everything that needs it. Pure.
std::string describe_skipped(const std::vector<executor::StepEvent>& skipped, bool colour);

// Every failure with its text, hint and last log lines, on stderr, after the progress. Returns the
// exit status.
int report(const Context& context, const supervisor::ApplyResult& result, const Progress& progress);

}  // namespace cli
