// `up --wait`, `start --wait`: until every container runs and, with a health check, is healthy.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/paths.hpp"
#include "cli/progress.hpp"
#include "cli/signals.hpp"
#include "planner/actual.hpp"
#include "planner/desired.hpp"

namespace cli {

enum class Readiness : std::uint8_t { Ready, Pending, Failed };
struct Judged {
  Readiness readiness = Readiness::Pending;
  std::string status;  // "Healthy", "Started", "Exited", "Waiting", "Error"; empty: no news
  std::string text;    // Failed: why
};
// Without a health check, running means having run for this long: a program that ends at once over
// a bad setting would else count as ready for the moment it takes.
inline constexpr std::chrono::milliseconds kSettle{500};
// Pure. A container that ended with status 0 is ready: it has done its work.
Judged judge_ready(const planner::Container& wanted, const planner::ActualContainer* actual,
                   std::chrono::system_clock::time_point now);

struct WaitRequest {
  const base::ProjectPaths& paths;
  const planner::DesiredState& desired;
  std::vector<std::string> containers;
  std::optional<unsigned> timeout;  // seconds
  Progress& progress;
  Signals& signals;
};
struct WaitFailure {
  std::string text, hint;
};
// As errors for people. Pure.
std::string describe_unready(const std::vector<WaitFailure>& failures, bool colour);
// What failed, each with the last lines of its log; empty: all ready, or interrupted.
std::vector<WaitFailure> wait_healthy(const WaitRequest& request);

}  // namespace cli
