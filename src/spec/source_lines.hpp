// SourceLines: offsets in a text ↔ lines and columns, with one look at the text.
#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include "spec/place.hpp"

namespace spec {

class SourceLines {
 public:
  explicit SourceLines(std::string_view text) {
    for (std::size_t at = 0; (at = text.find('\n', at)) != std::string_view::npos;) {
      starts_.push_back(++at);
    }
  }

  // npos when there is no such line.
  [[nodiscard]] std::size_t offset(const Place& place) const {
    if (!place.known() || place.line > starts_.size()) return std::string_view::npos;
    return starts_[place.line - 1] + place.column - 1;
  }
  [[nodiscard]] Place place(std::uint32_t file, std::size_t offset) const {
    const auto after = std::upper_bound(starts_.begin(), starts_.end(), offset);
    const auto line = static_cast<std::uint32_t>(after - starts_.begin());
    return {file, line, static_cast<std::uint32_t>(offset - starts_[line - 1] + 1)};
  }

 private:
  std::vector<std::size_t> starts_{0};
};

}  // namespace spec
