#include "spec/report.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace spec {

void Report::keep(Diagnostic diagnostic) {
  const bool error = diagnostic.severity == Severity::Error;
  std::size_t& count = error ? errors_ : warnings_;
  if (count++ < kMost) all_.push_back(std::move(diagnostic));
}

void Report::error(Place place, std::string text, std::string hint, std::vector<Related> related) {
  keep({Severity::Error, place, std::move(text), std::move(hint), std::move(related)});
}

void Report::warning(Place place, std::string text, std::string hint) {
  keep({Severity::Warning, place, std::move(text), std::move(hint), {}});
}

void Report::run_error(Place place, std::string text, std::string hint,
                       std::vector<Related> related) {
  if (running_) {
    error(place, std::move(text), std::move(hint), std::move(related));
    return;
  }
  keep({Severity::Warning, place, std::move(text), std::move(hint), std::move(related)});
}

void Report::unset_variable(Place place, std::string text, std::string hint) {
  if (strict_) {
    error(place, std::move(text), std::move(hint));
  } else {
    warning(place, text + ", empty is used", std::move(hint));
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
  for (const Severity severity : {Severity::Warning, Severity::Error}) {
    const bool error = severity == Severity::Error;
    const std::size_t count = error ? errors_ : warnings_;
    if (count <= kMost) continue;
    out.push_back(
        {severity,
         out.back().place,
         base::cat(count - kMost, error ? " more errors" : " more warnings", " are not shown"),
         "mend the first ones and try again",
         {}});
  }
  return out;
}

std::string suggestion(std::string_view wrong, const std::vector<std::string>& candidates) {
  const std::string best = base::nearest(wrong, candidates);
  return best.empty() || best == wrong ? std::string() : base::cat("did you mean '", best, "'?");
}

}  // namespace spec
