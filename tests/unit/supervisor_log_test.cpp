// Log limits, and LogReader on folders written by hand.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/files.hpp"
#include "base/sys.hpp"
#include "supervisor/log_index.hpp"
#include "supervisor/log_mover.hpp"
#include "supervisor/log_reader.hpp"

namespace supervisor {
namespace {

TEST(LogIndex, Names) {
  EXPECT_EQ(segment_file(1, "idx"), "0000000001.idx");
  EXPECT_EQ(segment_file(12345678901, "out"), "12345678901.out");
  EXPECT_EQ(segment_number("0000000042.idx", "idx"), 42U);
  EXPECT_EQ(segment_number("12345678901.out", "out"), 12345678901U);
  for (const char* bad : {"", "1.idx", "0000000042.out", "00000000x2.idx", "0000000042", ".idx",
                          "0000000042.idx.tmp"}) {
    EXPECT_FALSE(segment_number(bad, "idx")) << bad;
  }
}

class LogReaderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "/stack-log-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
  }
  void TearDown() override { base::remove_tree(dir_); }

  void append(std::uint64_t segment, const char* kind, std::string_view bytes) {
    const base::Fd fd = base::sys::open(dir_ + "/" + segment_file(segment, kind),
                                        O_WRONLY | O_CREAT | O_APPEND, 0600);
    base::sys::write_all(fd.get(), bytes, dir_);
  }
  // As LogMover does it: the record, then the bytes.
  void print(std::uint64_t segment, bool err, std::string_view text) {
    begin(segment);
    const LogRecord record{sizes_[segment].out, sizes_[segment].err, ++time_ * 1'000'000'000};
    append(segment, "idx", {reinterpret_cast<const char*>(&record), sizeof record});
    append(segment, err ? "err" : "out", text);
    (err ? sizes_[segment].err : sizes_[segment].out) += text.size();
  }
  void begin(std::uint64_t segment) {
    for (const char* kind : {"out", "err", "idx"}) append(segment, kind, "");
  }
  void forget(std::uint64_t segment) {
    for (const char* kind : {"idx", "out", "err"}) {
      base::remove_file(dir_ + "/" + segment_file(segment, kind));
    }
  }
  static std::string show(const LogLine& line) {
    return std::to_string(
               std::chrono::duration_cast<std::chrono::seconds>(line.time.time_since_epoch())
                   .count()) +
           (line.err ? "e" : "o") + (line.partial ? "~" : ":") + line.text;
  }
  static std::vector<std::string> all(LogReader& reader, bool partial = false) {
    std::vector<std::string> lines;
    while (auto line = reader.next(partial)) lines.push_back(show(*line));
    return lines;
  }
  using Lines = std::vector<std::string>;

  std::string dir_;
  std::int64_t time_ = 0;
  std::map<std::uint64_t, LogRecord> sizes_;
};

TEST_F(LogReaderTest, MergesStreamsAndJoinsChunks) {
  print(1, false, "a\nb");
  print(1, true, "e1\ne2\n");
  print(1, false, "c\n\nd");
  LogReader reader(dir_);
  EXPECT_EQ(all(reader), (Lines{"1o:a", "2e:e1", "2e:e2", "1o:bc", "3o:"}));
  print(1, false, "!\n");
  EXPECT_EQ(all(reader), (Lines{"3o:d!"}));
  print(1, true, "half");
  EXPECT_EQ(all(reader), Lines{});
  EXPECT_EQ(all(reader, true), (Lines{"5e~half"}));
}

TEST_F(LogReaderTest, NothingThereYet) {
  LogReader reader(dir_ + "/none");
  EXPECT_FALSE(reader.next(true));
  reader.tail(3);
  EXPECT_FALSE(reader.next(true));
  EXPECT_EQ(LogReader::last_lines(dir_ + "/none", 3), "");
  begin(1);
  LogReader empty(dir_);
  EXPECT_FALSE(empty.next());
  print(1, false, "x\n");
  EXPECT_EQ(all(empty), (Lines{"1o:x"}));
}

TEST_F(LogReaderTest, FollowsRotationAndJoinsAcrossIt) {
  print(1, false, "one\nhal");
  LogReader reader(dir_);
  EXPECT_EQ(all(reader), (Lines{"1o:one"}));
  print(1, false, "f ");
  print(2, false, "done\ntwo\n");
  print(2, true, "err\n");
  EXPECT_EQ(all(reader), (Lines{"1o:half done", "3o:two", "4e:err"}));
  EXPECT_EQ(all(reader), Lines{});
}

TEST_F(LogReaderTest, SurvivesRemovalUnderItsFeet) {
  print(1, false, "a\nhal");
  LogReader reader(dir_);
  EXPECT_EQ(all(reader), (Lines{"1o:a"}));
  print(2, false, "lost\n");
  print(4, false, "later\n");
  forget(1);
  forget(2);
  EXPECT_EQ(all(reader), (Lines{"1o~hal", "3o:later"}));
  forget(4);
  sizes_.clear();
  print(1, false, "anew\n");
  EXPECT_EQ(all(reader), (Lines{"4o:anew"}));
}

TEST_F(LogReaderTest, TailStartsAtTheLastLines) {
  for (std::uint64_t segment = 1; segment <= 3; ++segment) {
    for (int i = 0; i < 1000; ++i) {
      print(segment, i % 3 == 0, std::to_string(segment * 1000 + static_cast<unsigned>(i)) + "\n");
    }
  }
  for (const std::size_t lines : {0U, 1U, 2U, 10U, 999U, 1000U, 1001U, 2500U, 3000U, 9999U}) {
    LogReader reader(dir_);
    reader.tail(lines);
    const std::size_t want = std::min<std::size_t>(lines, 3000);
    std::size_t seen = 0;
    std::string first;
    std::string last;
    while (auto line = reader.next()) {
      if (seen++ == 0) first = line->text;
      last = line->text;
    }
    EXPECT_EQ(seen, want) << lines;
    if (want == 0) continue;
    const std::size_t begin = 3000 - want;
    EXPECT_EQ(first, std::to_string((begin / 1000 + 1) * 1000 + begin % 1000)) << lines;
    EXPECT_EQ(last, "3999");
  }
  EXPECT_EQ(LogReader::last_lines(dir_, 2), "3998\n3999\n");
}

TEST_F(LogReaderTest, TailInTheMiddleOfLines) {
  print(1, false, "a1\na2\nlong ");
  print(1, true, "e");
  print(2, false, "line ");
  print(2, false, "end\nb\n");
  print(2, true, "rr\n");
  print(2, false, "prompt> ");
  const auto tail = [&](std::size_t lines) {
    LogReader reader(dir_);
    reader.tail(lines);
    return all(reader, true);
  };
  EXPECT_EQ(tail(1), (Lines{"6o~prompt> "}));
  EXPECT_EQ(tail(2), (Lines{"2e:err", "6o~prompt> "}));
  EXPECT_EQ(tail(3), (Lines{"4o:b", "2e:err", "6o~prompt> "}));
  EXPECT_EQ(tail(4), (Lines{"1o:long line end", "4o:b", "2e:err", "6o~prompt> "}));
  EXPECT_EQ(tail(6),
            (Lines{"1o:a1", "1o:a2", "1o:long line end", "4o:b", "2e:err", "6o~prompt> "}));
}

TEST_F(LogReaderTest, FollowsAfterTail) {
  print(1, false, "a\nb\n");
  LogReader reader(dir_);
  reader.tail(1);
  EXPECT_EQ(all(reader), (Lines{"1o:b"}));
  print(1, false, "c\n");
  EXPECT_EQ(all(reader), (Lines{"2o:c"}));
  LogReader end(dir_);
  end.tail(0);
  EXPECT_EQ(all(end), Lines{});
  print(2, true, "d\n");
  EXPECT_EQ(all(end), (Lines{"3e:d"}));
}

TEST_F(LogReaderTest, LongLinesComeInPieces) {
  const std::string big(600U << 10U, 'x');
  print(1, false, big + "\nnext\n");
  LogReader reader(dir_);
  std::string text;
  auto line = reader.next();
  while (line && line->partial) {
    EXPECT_LE(line->text.size(), 256U << 10U);
    text += line->text;
    line = reader.next();
  }
  ASSERT_TRUE(line);
  EXPECT_EQ(text + line->text, big);
  EXPECT_EQ(all(reader), (Lines{"1o:next"}));
}

TEST_F(LogReaderTest, DamagedIndexLosesNoLine) {
  // A power cut may take records, tear one, or leave one that points past the data.
  begin(1);
  append(1, "out", "unseen\n");
  LogReader lost(dir_);
  const auto line = lost.next();
  ASSERT_TRUE(line);
  EXPECT_EQ(line->text, "unseen");
  EXPECT_GT(line->time.time_since_epoch().count(), 0);

  sizes_[1].out = 500;
  print(1, false, "");
  sizes_[1].out = 7;
  print(1, false, "more\n");
  append(1, "idx", "torn");
  EXPECT_EQ(all(lost).size(), 1U);
  LogReader again(dir_);
  Lines texts;
  while (auto next = again.next()) texts.push_back(next->text);
  EXPECT_EQ(texts, (Lines{"unseen", "more"}));
}

TEST_F(LogReaderTest, PruneKeepsTheNewest) {
  for (std::uint64_t segment = 1; segment <= 4; ++segment) print(segment, false, "x\n");
  base::remove_file(dir_ + "/" + segment_file(1, "idx"));  // killed half-way through a removal
  prune_segments(dir_, 2);
  EXPECT_EQ(list_segments(dir_), (std::vector<std::uint64_t>{3, 4}));
  EXPECT_EQ(base::list_dir(dir_).size(), 6U);
}

}  // namespace
}  // namespace supervisor
