#include "spec/report.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace spec {

void Report::error(Place place, std::string text, std::string hint, std::vector<Related> related) {
  ++errors_;
  all_.push_back({Severity::Error, place, std::move(text), std::move(hint), std::move(related)});
}

void Report::warning(Place place, std::string text, std::string hint) {
  all_.push_back({Severity::Warning, place, std::move(text), std::move(hint), {}});
}

void Report::unset_variable(Place place, std::string text, std::string hint) {
  if (strict_) {
    error(place, std::move(text), std::move(hint));
  } else {
    warning(place, std::move(text), std::move(hint));
  }
}

std::vector<Diagnostic> Report::sorted() const {
  std::vector<Diagnostic> out = all_;
  std::stable_sort(out.begin(), out.end(), [](const Diagnostic& a, const Diagnostic& b) {
    return a.place != b.place ? a.place < b.place : a.text < b.text;
  });
  const auto same = [](const Diagnostic& a, const Diagnostic& b) {
    return a.place == b.place && a.severity == b.severity && a.text == b.text;
  };
  out.erase(std::unique(out.begin(), out.end(), same), out.end());
  return out;
}

std::string suggestion(std::string_view wrong, const std::vector<std::string>& candidates) {
  const std::string best = base::nearest(wrong, candidates);
  return best.empty() || best == wrong ? std::string() : base::cat("did you mean '", best, "'?");
}

}  // namespace spec
