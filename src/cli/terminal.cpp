#include "cli/terminal.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>

#include "base/text.hpp"

namespace cli {

bool is_terminal(int fd) {
  return ::isatty(fd) == 1;
}

WindowSize window_size(int fd) {
  WindowSize out;
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) == 0) {
    if (size.ws_col > 0) out.columns = size.ws_col;
    if (size.ws_row > 0) out.rows = size.ws_row;
  }
  return out;
}

bool wants_colour(int fd, Ansi ansi) {
  if (ansi == Ansi::Never) return false;
  if (ansi == Ansi::Always) return true;
  const char* refused = std::getenv("NO_COLOR");
  if (refused != nullptr && *refused != 0) return false;
  const char* term = std::getenv("TERM");
  if (term != nullptr && std::string_view(term) == "dumb") return false;
  return is_terminal(fd);
}

namespace {
std::string painted(std::string_view text, const char* code) {
  return base::cat("\x1b[", code, "m", text, "\x1b[0m");
}
}  // namespace

std::string paint(std::string_view text, Colour colour, bool on) {
  if (!on) return std::string(text);
  switch (colour) {
    case Colour::Red:
      return painted(text, "31");
    case Colour::Green:
      return painted(text, "32");
    case Colour::Yellow:
      return painted(text, "33");
    case Colour::Blue:
      return painted(text, "34");
    case Colour::Magenta:
      return painted(text, "35");
    case Colour::Cyan:
      return painted(text, "36");
    case Colour::Dim:
      return painted(text, "2");
    case Colour::Bold:
      return painted(text, "1");
  }
  return std::string(text);
}

std::string paint_nth(std::string_view text, std::size_t n, bool on) {
  static constexpr std::array<const char*, 10> kCodes{"36",   "33",   "32",   "35",   "34",
                                                      "36;1", "33;1", "32;1", "35;1", "34;1"};
  return on ? painted(text, kCodes[n % kCodes.size()]) : std::string(text);
}

std::size_t display_width(std::string_view text) {
  std::size_t out = 0;
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) & 0xC0U) != 0x80U) ++out;
  }
  return out;
}

std::string fit(std::string_view text, std::size_t columns) {
  if (display_width(text) <= columns) return std::string(text);
  if (columns == 0) return {};
  std::size_t at = 0;
  for (std::size_t seen = 0; at < text.size(); ++at) {
    if ((static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) continue;
    if (seen++ == columns - 1) break;
  }
  return std::string(text.substr(0, at)) + "…";
}

RawMode::RawMode(int fd) : fd_(fd) {
  if (::tcgetattr(fd_, &before_) != 0) return;
  termios raw = before_;
  ::cfmakeraw(&raw);
  changed_ = ::tcsetattr(fd_, TCSADRAIN, &raw) == 0;
}

RawMode::~RawMode() {
  if (changed_) ::tcsetattr(fd_, TCSADRAIN, &before_);
}

namespace {
std::atomic<int> lost_output{0};
}

int output_error() {
  return lost_output.load();
}

void write_text(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n >= 0) {
      text.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {  // a terminal that somebody else made non-blocking
      pollfd ready{fd, POLLOUT, 0};
      ::poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      if (fd == STDOUT_FILENO && errno != EPIPE && errno != EIO) lost_output = errno;
      return;
    }
  }
}

}  // namespace cli
