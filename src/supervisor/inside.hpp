// InsideProgram: one program of ours inside a running container, as `exec` does it: the test of a
// health check, a hook. Keeps the beginning of what it prints; at its deadline the program goes
// with all of its session. Knows nothing of what the result means.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/paths.hpp"
#include "executor/launch.hpp"
#include "planner/desired.hpp"
#include "supervisor/loop.hpp"

namespace supervisor {

struct InsideRequest {
  const planner::Container& container;
  const base::ProjectPaths& paths;
  base::ProcessId target;  // the container's pid 1
  planner::HookSpec program;
  base::Duration timeout{0};
};

struct InsideResult {
  bool ok = false;         // it ran and ended with 0
  bool timed_out = false;  // killed at the deadline
  std::string ending;      // "exited with 3", "was killed by signal 9", why it did not start
  std::string output;      // at most 4 KiB
};

class InsideProgram {
 public:
  using Done = std::function<void(InsideResult)>;
  // `done` comes later, once, from the loop; it may destroy us.
  InsideProgram(Loop& loop, const InsideRequest& request, Done done);
  // Kills what still runs, without a word to `done`.
  ~InsideProgram();
  InsideProgram(const InsideProgram&) = delete;
  InsideProgram& operator=(const InsideProgram&) = delete;

 private:
  void read_output();
  void finish(bool timed_out);
  void let_go();

  Loop& loop_;
  Done done_;
  base::Duration timeout_;
  executor::Launched running_;
  base::Fd output_;
  std::string text_;
  Loop::Id deadline_ = 0, watch_ = 0, output_watch_ = 0;
};

}  // namespace supervisor
