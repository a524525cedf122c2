// Report: collects diagnostics while the stages run. Stages go on after an error as long as what
// they see still makes sense, so that a person reads all mistakes at once. Of a file that has
// hundreds the first are kept and the others counted: they would take time and memory to tell.
#pragma once

#include <string>
#include <vector>

#include "spec/diagnostic.hpp"

namespace spec {

class Report {
 public:
  static constexpr std::size_t kMost = 200;  // errors, and as many warnings

  void error(Place place, std::string text, std::string hint = {},
             std::vector<Related> related = {});
  void warning(Place place, std::string text, std::string hint = {});
  // What docker compose finds out only when it runs the file: an error, or a warning while a file
  // is only looked at.
  void run_error(Place place, std::string text, std::string hint = {},
                 std::vector<Related> related = {});
  void set_running(bool running) { running_ = running; }
  // A variable without a value and without a default: an error when `strict`.
  void unset_variable(Place place, std::string text, std::string hint);
  void set_strict(bool strict) { strict_ = strict; }
  [[nodiscard]] bool failed() const { return errors_ != 0; }
  [[nodiscard]] std::size_t errors() const { return errors_; }
  // Nobody will read a further error: what makes its text need not be found out.
  [[nodiscard]] bool full() const { return errors_ >= kMost; }
  // Sorted by place; one diagnostic a place and text (an anchor used by many is told once).
  [[nodiscard]] std::vector<Diagnostic> sorted() const;

 private:
  void keep(Diagnostic diagnostic);

  std::vector<Diagnostic> all_;
  std::size_t warnings_ = 0;
  std::size_t errors_ = 0;
  bool strict_ = false;
  bool running_ = true;
};

// "did you mean 'x'?" or empty.
std::string suggestion(std::string_view wrong, const std::vector<std::string>& candidates);

}  // namespace spec
