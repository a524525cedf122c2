// StackLook: a look at one stack on a thread of its own, while the caller reads its file: the host,
// the stack's intent, and what is there, compared closely with the intent (look.hpp). Most often
// the file says what it said before.
#pragma once

#include <sys/types.h>

#include <ctime>
#include <future>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "base/ip.hpp"
#include "base/paths.hpp"
#include "executor/look.hpp"
#include "planner/actual.hpp"
#include "planner/desired.hpp"

namespace executor {

class StackLook {
 public:
  explicit StackLook(base::ProjectPaths paths);
  StackLook(const StackLook&) = delete;
  StackLook& operator=(const StackLook&) = delete;

  // False: it looks at another stack, or began so long ago that one looks again.
  [[nodiscard]] bool serves(const std::string& project) const;

  // These wait, and throw what looking threw. Once each, in this order.
  std::optional<planner::DesiredState> take_intent() { return intent_.get_future().get(); }
  std::vector<base::Cidr> take_routes() { return routes_.get_future().get(); }
  // Looked at closely for the intent; the caller's thread does half of it.
  planner::ActualState take_actual();
  // At what differs in `wished` from the intent, if there was one.
  void look_again(planner::ActualState& actual, const planner::DesiredState& wished) const;
  // Whether the intent was written since the look began: a plan made from an intent older than what
  // was seen would undo what somebody has just brought up; from a newer one it is refused as stale.
  [[nodiscard]] bool is_torn() const;

 private:
  void run();

  base::ProjectPaths paths_;
  base::Duration began_;
  std::tuple<ino_t, std::time_t, long> version_;

  std::promise<std::vector<base::Cidr>> routes_;
  std::promise<std::optional<planner::DesiredState>> intent_;
  std::promise<void> seen_;  // actual_ and subjects_ are there
  std::optional<planner::DesiredState> looked_for_;
  planner::ActualState actual_;
  std::vector<Subject> subjects_;
  std::future<void> thread_;  // the last to be made
};

// Intent and what is there, of one moment; not looked at closely.
struct Seen {
  std::optional<planner::DesiredState> intent;
  planner::ActualState actual;
};
Seen observe_with_intent(const base::ProjectPaths& paths);

}  // namespace executor
