#include "cli/progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/sys.hpp"

namespace cli {

namespace {

constexpr std::array<const char*, 10> kSpinner{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};
constexpr auto kRedraw = std::chrono::milliseconds(100);

std::string seconds_text(base::Duration d) {
  std::array<char, 32> out{};
  std::snprintf(out.data(), out.size(), "%.1fs", static_cast<double>(d.count()) / 1e9);
  return out.data();
}

Colour colour_of(Mark mark) {
  switch (mark) {
    case Mark::Working:
      return Colour::Blue;
    case Mark::Done:
      return Colour::Green;
    case Mark::Failed:
      return Colour::Red;
    case Mark::Skipped:
      return Colour::Yellow;
  }
  return Colour::Dim;
}

std::string symbol_of(Mark mark, base::Duration now) {
  switch (mark) {
    case Mark::Working:
      return kSpinner[static_cast<std::size_t>(now / kRedraw) % kSpinner.size()];
    case Mark::Done:
      return "✔";
    case Mark::Failed:
      return "✘";
    case Mark::Skipped:
      return "-";
  }
  return " ";
}

struct Columns {
  std::size_t window, name, status;
};

// " ✔ Container shop-web-1  Started   0.4s", never wider than the window: a wrapped line would
// break the redrawing in place.
std::string draw_line(const ProgressLine& line, const Columns& columns, base::Duration now,
                      bool colour) {
  const base::Duration end = line.mark == Mark::Working ? now : line.ended;
  const std::string time = seconds_text(end - line.began);
  constexpr std::size_t kSymbol = 3, kGap = 2;
  const std::size_t fixed = kSymbol + kGap + columns.status + kGap + time.size();
  const std::size_t room = columns.window > fixed ? columns.window - fixed : 1;
  const std::string name = fit(line.name, std::min(columns.name, room));
  std::string out =
      base::cat(" ", paint(symbol_of(line.mark, now), colour_of(line.mark), colour), " ", name);
  const std::size_t name_width = std::min(columns.name, room);
  out.append(name_width - std::min(name_width, display_width(name)) + kGap, ' ');
  const std::string status = fit(line.status, columns.status);
  out += paint(status, colour_of(line.mark), colour);
  out.append(columns.status - display_width(status) + kGap, ' ');
  out += paint(time, Colour::Dim, colour);
  return columns.window > fixed ? out : fit(line.name, columns.window);
}

// Those at work or failed first when not all fit: what a person waits for; then the latest
// finished.
std::vector<const ProgressLine*> choose(const std::vector<ProgressLine>& lines, std::size_t room) {
  std::vector<const ProgressLine*> all;
  for (const ProgressLine& line : lines) all.push_back(&line);
  if (all.size() <= room) return all;
  const auto rank = [](const ProgressLine* line) {
    return line->mark == Mark::Failed ? 0 : line->mark == Mark::Working ? 1 : 2;
  };
  std::vector<const ProgressLine*> picked = all;
  std::stable_sort(picked.begin(), picked.end(), [&](const ProgressLine* a, const ProgressLine* b) {
    if (rank(a) != rank(b)) return rank(a) < rank(b);
    return rank(a) == 2 && a->ended > b->ended;
  });
  picked.resize(room);
  std::vector<const ProgressLine*> out;
  for (const ProgressLine* line : all) {
    if (std::find(picked.begin(), picked.end(), line) != picked.end()) out.push_back(line);
  }
  return out;
}

}  // namespace

std::string TtyView::frame(const Board& board, const Frame& options) {
  const auto& lines = board.lines();
  if (lines.empty()) return {};
  Columns columns{options.window.columns, 0, 0};
  std::size_t done = 0;
  for (const ProgressLine& line : lines) {
    columns.name = std::max(columns.name, display_width(line.name));
    columns.status = std::max(columns.status, display_width(line.status));
    if (line.mark != Mark::Working) ++done;
  }
  columns.status = std::min<std::size_t>(columns.status, 16);
  // The header, the line "... n more" and the cursor's own line need a row each.
  const std::size_t room =
      options.last ? lines.size() : std::max<std::size_t>(options.window.rows, 4) - 3;
  const auto shown = choose(lines, room);
  std::string out;
  if (drawn_ > 0) out += base::cat("\x1b[", drawn_, "A");
  const auto put = [&out](const std::string& text) { out += text + "\x1b[K\n"; };
  put(fit(base::cat("[+] Running ", done, "/", lines.size()), columns.window));
  for (const ProgressLine* line : shown)
    put(draw_line(*line, columns, options.now, options.colour));
  std::size_t drawn = 1 + shown.size();
  if (shown.size() < lines.size()) {
    put(fit(base::cat("   … ", lines.size() - shown.size(), " more"), columns.window));
    ++drawn;
  }
  out += "\x1b[J";  // what is left of a longer frame
  drawn_ = drawn;
  return out;
}

Progress::Progress(Options options) : options_(options) {
  if (options_.mode == ProgressMode::Auto) {
    const bool live = is_terminal(options_.fd) && options_.ansi != Ansi::Never;
    options_.mode = live ? ProgressMode::Tty : ProgressMode::Plain;
  }
  colour_ = wants_colour(options_.fd, options_.ansi);
  if (options_.mode == ProgressMode::Tty) {
    write_text(options_.fd, "\x1b[?25l");
    animator_ = std::thread([this] { animate(); });
  }
}

Progress::~Progress() {
  finish();
}

void Progress::animate() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!finished_) {
    draw(false);
    wake_.wait_for(lock, kRedraw);
  }
}

void Progress::draw(bool last) {
  write_text(options_.fd, view_.frame(board_, {window_size(options_.fd), base::sys::monotonic_now(),
                                               colour_, last}));
}

void Progress::show(const ProgressLine* line) {
  if (line != nullptr && options_.mode == ProgressMode::Plain) {
    write_text(options_.fd, plain_line(*line));
  }
}

void Progress::take(const executor::StepEvent& event) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (event.phase == executor::Phase::Failed) failures_.push_back(event);
  if (event.phase == executor::Phase::Skipped && event.kind == planner::Kind::Container) {
    skipped_.push_back(event);
  }
  if (options_.mode == ProgressMode::Json) write_text(options_.fd, json_line(event));
  show(board_.take(event, base::sys::monotonic_now()));
}

void Progress::set(const std::string& name, const std::string& status, Mark mark) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const ProgressLine* line = board_.set(name, status, mark, base::sys::monotonic_now());
  show(line);
  if (line != nullptr && options_.mode == ProgressMode::Json) {
    executor::StepEvent event;
    event.step = base::cat("container/", name.substr(name.find(' ') + 1));
    event.target = name.substr(name.find(' ') + 1);
    event.phase = mark == Mark::Working ? executor::Phase::Waiting : executor::Phase::Done;
    if (mark == Mark::Failed) event.phase = executor::Phase::Failed;
    event.text = status;
    event.elapsed = line->ended - line->began;
    write_text(options_.fd, json_line(event));
  }
}

void Progress::finish() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (finished_) return;
    finished_ = true;
    if (options_.mode == ProgressMode::Tty) draw(true);
  }
  if (!animator_.joinable()) return;
  wake_.notify_all();
  animator_.join();
  write_text(options_.fd, "\x1b[?25h");
}

}  // namespace cli
