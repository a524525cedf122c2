// What we print on: is it a terminal, how large, may it have colours. Plus what must be put back
// whatever happens: raw mode, a hidden cursor. Knows nothing of commands.
#pragma once

#include <termios.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "cli/arguments.hpp"

namespace cli {

struct WindowSize {
  unsigned columns = 80, rows = 24;
};

bool is_terminal(int fd);
// The terminal's size, else 80 by 24.
WindowSize window_size(int fd);
// --ansi, NO_COLOR (https://no-color.org), TERM=dumb, and whether `fd` is a terminal.
bool wants_colour(int fd, Ansi ansi);

enum class Colour : std::uint8_t { Red, Green, Yellow, Blue, Magenta, Cyan, Dim, Bold };
// `text` in that colour when `on`.
std::string paint(std::string_view text, Colour colour, bool on);
// The colour of the n-th container in a log view: cycles, as docker compose does.
std::string paint_nth(std::string_view text, std::size_t n, bool on);

// Columns that UTF-8 text takes, one a code point.
std::size_t display_width(std::string_view text);
// At most `columns` wide, the end replaced by an ellipsis when cut.
std::string fit(std::string_view text, std::size_t columns);

// The terminal at `fd` passes every key through while this lives.
class RawMode {
 public:
  explicit RawMode(int fd);
  ~RawMode();
  RawMode(const RawMode&) = delete;
  RawMode& operator=(const RawMode&) = delete;

 private:
  int fd_;
  bool changed_ = false;
  termios before_{};
};

// Writes everything, whatever the descriptor is; a reader that has gone away is no error.
void write_text(int fd, std::string_view text);
// errno of the first text for standard output that could not be written (a full disk); 0: none.
int output_error();

}  // namespace cli
