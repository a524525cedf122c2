#include "planner/problems.hpp"

namespace planner {

void Problems::add(const spec::Place& place, std::string text, std::string hint) {
  spec::Diagnostic diagnostic;
  diagnostic.place = place;
  diagnostic.text = std::move(text);
  diagnostic.hint = std::move(hint);
  list_.push_back(std::move(diagnostic));
}

void Problems::throw_if_any() const {
  if (list_.empty()) return;
  spec::Sources sources;
  for (const std::string& file : stack_->files) sources.push_back({file, {}});
  throw spec::SpecError(list_, sources);
}

}  // namespace planner
