// Problems: the diagnostics of desire(), collected so that all are shown at once.
// Internal to planner; knows places, nothing of what is wrong.
#pragma once

#include <string>
#include <vector>

#include "spec/diagnostic.hpp"
#include "spec/stack.hpp"

namespace planner {

class Problems {
 public:
  explicit Problems(const spec::Stack& stack) : stack_(&stack) {}
  void add(const spec::Place& place, std::string text, std::string hint = {});
  [[nodiscard]] bool empty() const { return list_.empty(); }
  // Throws spec::SpecError with everything added so far, if anything was.
  void throw_if_any() const;

 private:
  const spec::Stack* stack_;
  std::vector<spec::Diagnostic> list_;
};

}  // namespace planner
