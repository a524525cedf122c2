// Progress: what is seen of a plan being carried out. StepEvents go in; a live view on a terminal,
// plain lines, JSON objects or nothing come out. Wording follows docker compose.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "cli/arguments.hpp"
#include "cli/terminal.hpp"
#include "executor/outcome.hpp"

namespace cli {

enum class Mark : std::uint8_t { Working, Done, Failed, Skipped };

struct ProgressLine {
  std::string name;    // "Container shop-web-1"
  std::string status;  // "Starting"
  Mark mark = Mark::Working;
  base::Duration began{0}, ended{0};  // on the caller's clock
};

// The lines of one run, in order of first appearance. Pure.
class Board {
 public:
  // The line that changed; null when the event changes none (endpoints and ports have no line of
  // their own unless they fail).
  const ProgressLine* take(const executor::StepEvent& event, base::Duration now);
  // A line without a step: "Container x", "Running".
  const ProgressLine* set(const std::string& name, const std::string& status, Mark mark,
                          base::Duration now);
  [[nodiscard]] const std::vector<ProgressLine>& lines() const { return lines_; }

 private:
  std::vector<ProgressLine> lines_;
  std::map<std::string, std::size_t> index_;
};

std::string plain_line(const ProgressLine& line);
std::string json_line(const executor::StepEvent& event);

// Draws the board in place on a terminal. `frame` returns the bytes that turn the last frame into
// this one; when there are more lines than rows it shows those at work; `last` prints them all,
// once.
class TtyView {
 public:
  struct Frame {
    WindowSize window;
    base::Duration now{0};
    bool colour = true;
    bool last = false;
  };
  std::string frame(const Board& board, const Frame& options);

 private:
  std::size_t drawn_ = 0;  // lines of the last frame, header included
};

class Progress {
 public:
  struct Options {
    ProgressMode mode = ProgressMode::Auto;
    Ansi ansi = Ansi::Auto;
    int fd = 2;
  };
  explicit Progress(Options options);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void take(const executor::StepEvent& event);
  void set(const std::string& name, const std::string& status, Mark mark);
  // Draws the final state; nothing is drawn after it. Idempotent.
  void finish();
  // The failures seen so far, in order.
  [[nodiscard]] const std::vector<executor::StepEvent>& failures() const { return failures_; }
  // The containers left alone because something before them failed.
  [[nodiscard]] const std::vector<executor::StepEvent>& skipped() const { return skipped_; }

 private:
  void show(const ProgressLine* line);
  void draw(bool last);
  void animate();

  Options options_;
  bool colour_ = false, finished_ = false;
  Board board_;
  TtyView view_;
  std::vector<executor::StepEvent> failures_, skipped_;
  // The spinner moves while the caller waits for events: one thread that only draws.
  std::mutex mutex_;
  std::condition_variable wake_;
  std::thread animator_;
};

// "Container shop-web-1", "Network shop_default"
std::string display_name(const executor::StepEvent& event);

}  // namespace cli
