// ImageView: the progress of pulls and loads: a bar a layer on a terminal, one line a change of
// phase in a pipe, stack-image's own JSON with --progress json. Wording follows docker.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "cli/stack_image.hpp"
#include "cli/terminal.hpp"

namespace cli {

class ImageView {
 public:
  struct Options {
    ProgressMode mode = ProgressMode::Auto;
    Ansi ansi = Ansi::Auto;
    int fd = 2;
  };
  explicit ImageView(Options options);

  void take(const ImageEvent& event, const std::string& line);
  // Draws the last state.
  void finish();

  // The rows as they would be drawn in `columns`. Pure.
  [[nodiscard]] std::vector<std::string> rows(std::size_t columns) const;

 private:
  struct Row {
    std::string id, phase;  // of a layer; id "" is a whole line of text
    std::uint64_t current = 0, total = 0;
  };
  void draw(bool last);

  Options options_;
  std::vector<Row> rows_;
  std::map<std::string, std::size_t> index_;
  std::size_t drawn_ = 0;
  base::Duration drawn_at_{};
};

// "Downloading": what people read for a phase.
std::string phase_text(const std::string& phase);

}  // namespace cli
