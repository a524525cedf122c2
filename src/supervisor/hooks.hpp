// HookRunner: the post_start or pre_stop programs of one container, one after the other, within one
// deadline. Stops at the first that fails. Source: 05-services.md, post_start and pre_stop.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "supervisor/inside.hpp"

namespace supervisor {

class HookRunner {
 public:
  struct Failure {
    std::string text;  // "post_start hook \"chown -R app /data\" exited with 1"; empty: all is well
    std::string output;  // of the one that failed
  };
  using Done = std::function<void(const Failure&)>;
  struct Request {
    const planner::Container& container;
    const base::ProjectPaths& paths;
    base::ProcessId target;
    const char* kind;  // "post_start"
    std::vector<planner::HookSpec> hooks;
    base::Duration timeout{0};  // of all together
  };
  // `done` comes later, once; it may destroy us. Destroyed before, what runs is killed.
  HookRunner(Loop& loop, Request request, Done done);

 private:
  void next();

  Loop& loop_;
  Request request_;
  base::Duration deadline_;
  Done done_;
  std::size_t at_ = 0;
  std::unique_ptr<InsideProgram> running_;
};

}  // namespace supervisor
