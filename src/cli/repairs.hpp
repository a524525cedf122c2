// Repairs: which of them failed or did not last, so that `reconcile` tries such a one ever less
// often and at last gives up; `ps` tells. One runtime file a stack, valid for one boot; `up`
// and `start` forget it. Times are of the monotonic clock.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/paths.hpp"
#include "base/text.hpp"
#include "planner/plan.hpp"

namespace cli {

class Repairs {
 public:
  struct Entry {
    unsigned failed = 0;  // in a row
    unsigned again = 0;   // done, and needed again within the hour
    base::Duration last{0};
    std::string text;  // why, the last time
  };

  // Empty where there is no file, or none that can be believed.
  static Repairs read(const base::ProjectPaths& paths);
  static Repairs decode(const std::string& text);
  [[nodiscard]] std::string encode() const;
  // Writes when something changed; a full disk is no error.
  void write(const base::ProjectPaths& paths) const;

  // Steps that are not to be tried now.
  [[nodiscard]] bool is_held(const planner::Step& step, base::Duration now) const;
  void note_done(const planner::Step& step, base::Duration now);
  void note_failed(const planner::Step& step, const std::string& text, base::Duration now);
  // What is in no plan any more has healed.
  void keep_only(const std::vector<planner::Step>& steps, base::Duration now);
  // "repair failed 3 times, next in 4m: ..."; empty when there is nothing to say.
  [[nodiscard]] std::string describe(const std::string& step_id, base::Duration now) const;

 private:
  std::map<std::string, Entry> entries_;
  bool changed_ = false;
};

// How long after the last try the next one is due; nothing: never.
std::optional<base::Duration> repair_delay(const Repairs::Entry& entry);
void forget_repairs(const base::ProjectPaths& paths);

}  // namespace cli
