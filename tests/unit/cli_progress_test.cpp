#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/progress.hpp"

namespace {

using namespace std::chrono_literals;
using cli::Board;
using cli::Mark;
using executor::Phase;
using executor::StepEvent;
using planner::Action;
using planner::Kind;

StepEvent event(Kind kind, Action action, const std::string& target, Phase phase,
                const std::string& text = {}) {
  return {"step/" + target, kind, action, target, phase, text, {}, 5ms};
}

TEST(Board, PlainLinesFollowDockerCompose) {
  Board board;
  std::string out;
  const auto take = [&](const StepEvent& e) {
    if (const auto* line = board.take(e, 0ns)) out += cli::plain_line(*line);
  };
  take(event(Kind::Network, Action::Create, "shop_default", Phase::Began));
  take(event(Kind::Network, Action::Create, "shop_default", Phase::Done));
  take(event(Kind::Volume, Action::Create, "shop_data", Phase::Done));
  take(event(Kind::Endpoint, Action::Create, "shop-web-1/shop_default", Phase::Began));
  take(event(Kind::Container, Action::Create, "shop-web-1", Phase::Waiting, "healthy"));
  take(event(Kind::Container, Action::Create, "shop-web-1", Phase::Waiting, "healthy"));
  take(event(Kind::Container, Action::Create, "shop-web-1", Phase::Began));
  take(event(Kind::Container, Action::Create, "shop-web-1", Phase::Done));
  take(event(Kind::Container, Action::Replace, "shop-db-1", Phase::Began));
  take(event(Kind::Container, Action::Replace, "shop-db-1", Phase::Done, "Healthy"));
  take(event(Kind::Container, Action::Remove, "shop-old-1", Phase::Began));
  take(event(Kind::Container, Action::Remove, "shop-old-1", Phase::Done));
  take(event(Kind::Container, Action::Stop, "shop-x-1", Phase::Cancelled));
  take(event(Kind::Ports, Action::Update, "shop", Phase::Failed, "no"));
  EXPECT_EQ(out,
            " Network shop_default  Creating\n"
            " Network shop_default  Created\n"
            " Volume shop_data  Created\n"
            " Container shop-web-1  Waiting\n"
            " Container shop-web-1  Creating\n"
            " Container shop-web-1  Started\n"
            " Container shop-db-1  Recreating\n"
            " Container shop-db-1  Healthy\n"
            " Container shop-old-1  Stopping\n"
            " Container shop-old-1  Removed\n"
            " Container shop-x-1  Cancelled\n"
            " Ports shop  Error\n");
}

TEST(Progress, JsonIsOneObjectAnEvent) {
  const std::string line = cli::json_line(
      event(Kind::Endpoint, Action::Create, "shop-web-1/net", Phase::Failed, "bad \xff byte"));
  EXPECT_EQ(line.back(), '\n');
  const auto parsed = nlohmann::json::parse(line);
  EXPECT_EQ(parsed["id"], "Endpoint shop-web-1/net");
  EXPECT_EQ(parsed["phase"], "failed");
  EXPECT_EQ(parsed["elapsed_ms"], 5);
}

// What a terminal would show: understands the few sequences that a frame uses.
class FakeTerminal {
 public:
  explicit FakeTerminal(std::size_t rows) : rows_(rows) {}
  void write(const std::string& bytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      if (bytes[i] == '\n') {
        if (++row_ >= lines_.size()) lines_.resize(row_ + 1);
        column_ = 0;
      } else if (bytes[i] == '\x1b') {
        i += 2;
        std::size_t number = 0;
        while (std::isdigit(static_cast<unsigned char>(bytes[i])) != 0) {
          number = number * 10 + static_cast<std::size_t>(bytes[i++] - '0');
        }
        if (bytes[i] == 'A') {
          ASSERT_LE(number, rows_ - 1) << "moves above the top of the window";
          row_ -= number;
        } else if (bytes[i] == 'K') {
          lines_[row_].resize(column_);
        } else if (bytes[i] == 'J') {
          lines_[row_].resize(column_);
          lines_.resize(row_ + 1);
        }
      } else {
        lines_[row_].resize(column_);
        lines_[row_] += bytes[i];
        ++column_;
      }
    }
  }
  [[nodiscard]] std::vector<std::string> lines() const {
    return {lines_.begin(), lines_.end() - 1};
  }

 private:
  std::size_t rows_;
  std::vector<std::string> lines_{""};
  std::size_t row_ = 0, column_ = 0;
};

TEST(TtyView, RedrawsInPlace) {
  Board board;
  cli::TtyView view;
  FakeTerminal terminal(24);
  const cli::WindowSize window{60, 24};
  board.take(event(Kind::Network, Action::Create, "n", Phase::Began), 0ns);
  terminal.write(view.frame(board, {window, 100ms, false, false}));
  board.take(event(Kind::Network, Action::Create, "n", Phase::Done), 300ms);
  board.take(event(Kind::Container, Action::Create, "shop-web-1", Phase::Began), 300ms);
  terminal.write(view.frame(board, {window, 500ms, false, false}));
  EXPECT_EQ(terminal.lines(),
            (std::vector<std::string>{"[+] Running 1/2", " ✔ Network n             Created   0.3s",
                                      " ⠴ Container shop-web-1  Creating  0.2s"}));
  board.take(event(Kind::Container, Action::Create, "shop-web-1", Phase::Failed, "why"), 900ms);
  terminal.write(view.frame(board, {window, 5s, false, true}));
  EXPECT_EQ(terminal.lines(),
            (std::vector<std::string>{"[+] Running 2/2", " ✔ Network n             Created  0.3s",
                                      " ✘ Container shop-web-1  Error    0.6s"}));
}

TEST(TtyView, MoreLinesThanRowsShowsThoseAtWork) {
  Board board;
  cli::TtyView view;
  FakeTerminal terminal(8);
  const cli::WindowSize window{60, 8};
  for (int i = 0; i < 20; ++i) {
    board.take(event(Kind::Container, Action::Start, "c" + std::to_string(i), Phase::Began), 0ns);
  }
  for (int i = 0; i < 18; ++i) {
    board.take(event(Kind::Container, Action::Start, "c" + std::to_string(i), Phase::Done),
               i * 1ms);
    terminal.write(view.frame(board, {window, i * 1ms, false, false}));
    ASSERT_LE(terminal.lines().size(), 7U);
  }
  const auto lines = terminal.lines();
  ASSERT_EQ(lines.size(), 7U);
  EXPECT_EQ(lines.front(), "[+] Running 18/20");
  EXPECT_EQ(lines.back(), "   … 15 more");
  EXPECT_NE(lines[4].find("Container c18"), std::string::npos);
  EXPECT_NE(lines[5].find("Container c19"), std::string::npos);
  terminal.write(view.frame(board, {window, 1s, false, true}));
  EXPECT_EQ(terminal.lines().size(), 21U);
}

TEST(TtyView, NeverWiderThanTheWindow) {
  for (unsigned columns = 1; columns < 80; ++columns) {
    Board board;
    cli::TtyView view;
    FakeTerminal terminal(24);
    board.take(
        event(Kind::Container, Action::Create, "a-rather-long-name-of-a-container", Phase::Began),
        0ns);
    board.take(event(Kind::Container, Action::Create, "b", Phase::Done), 0ns);
    terminal.write(view.frame(board, {{columns, 24}, 1h, false, false}));
    for (const auto& line : terminal.lines()) EXPECT_LE(cli::display_width(line), columns) << line;
  }
}

TEST(Terminal, Fit) {
  EXPECT_EQ(cli::fit("abc", 3), "abc");
  EXPECT_EQ(cli::fit("abcd", 3), "ab…");
  EXPECT_EQ(cli::fit("äöü", 3), "äöü");
  EXPECT_EQ(cli::fit("äöüß", 3), "äö…");
  EXPECT_EQ(cli::fit("abc", 0), "");
}

}  // namespace
