#include "planner/problems.hpp"

namespace planner {

void Problems::add(const spec::Place& place, std::string text, std::string hint) {
  // What several services or replicas share is told once.
  for (const spec::Diagnostic& each : list_) {
    if (each.place == place && each.text == text) return;
  }
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
