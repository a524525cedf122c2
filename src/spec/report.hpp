// Report: collects diagnostics while the stages run. Stages go on after an error as long as what
// they see still makes sense, so that a person reads all mistakes at once.
#pragma once

#include <string>
#include <vector>

#include "spec/diagnostic.hpp"

namespace spec {

class Report {
 public:
  void error(Place place, std::string text, std::string hint = {},
             std::vector<Related> related = {});
  void warning(Place place, std::string text, std::string hint = {});
  // A variable without a value and without a default: an error when `strict`.
  void unset_variable(Place place, std::string text, std::string hint);
  void set_strict(bool strict) { strict_ = strict; }
  [[nodiscard]] bool failed() const { return errors_ != 0; }
  [[nodiscard]] std::size_t errors() const { return errors_; }
  // Sorted by place; one diagnostic a place and text (an anchor used by many is told once).
  [[nodiscard]] std::vector<Diagnostic> sorted() const;

 private:
  std::vector<Diagnostic> all_;
  std::size_t errors_ = 0;
  bool strict_ = false;
};

// "did you mean 'x'?" or empty.
std::string suggestion(std::string_view wrong, const std::vector<std::string>& candidates);

}  // namespace spec
