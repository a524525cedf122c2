// The derived formats of a log: each driver's line, and the position they are read from.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstring>

#include "base/files.hpp"
#include "supervisor/keeper_state.hpp"
#include "supervisor/log_cursor.hpp"
#include "supervisor/log_sink.hpp"

namespace supervisor {
namespace {

LogPiece piece(const std::string& text) {
  LogPiece out;
  out.text = text;
  out.time = 1'700'000'000'120'000'000;
  return out;
}

TEST(JsonLog, IsDockers) {
  EXPECT_EQ(json_log_line(piece("a"), {}),
            "{\"log\":\"a\\n\",\"stream\":\"stdout\",\"time\":\"2023-11-14T22:13:20.12Z\"}\n");
  LogPiece odd = piece("\t\"\\<\x01\xff\xc3\xa9\xe2\x80\xa8\r");
  odd.err = true;
  odd.whole = false;
  odd.time = 1'700'000'000'000'000'000;
  EXPECT_EQ(json_log_line(odd, "{\"a\":\"b\"}"),
            "{\"log\":\"\\u0009\\\"\\\\\\u003c\\u0001\\ufffd\xc3\xa9\\u2028\\r\",\"stream\":"
            "\"stderr\",\"attrs\":{\"a\":\"b\"},\"time\":\"2023-11-14T22:13:20Z\"}\n");
}

TEST(Journal, FieldsAndLengths) {
  LogSubject subject{"shop-web-1", "nginx", "sha256:1", "tag", {{"my.label", "x"}, {"_9", "y"}}};
  LogPiece part = piece("text");
  part.whole = false;
  const std::string entry = journal_entry(part, subject);
  EXPECT_EQ(entry.find("MESSAGE=text\n"), 0U);
  EXPECT_NE(entry.find("\nCONTAINER_PARTIAL_MESSAGE=true\n"), std::string::npos);
  EXPECT_NE(entry.find("\nMY_LABEL=x\n"), std::string::npos);
  EXPECT_EQ(entry.find("=y"), std::string::npos) << "a name with nothing that may begin one";
  subject.extra = {{"two", "a\nb"}};
  const std::string lengths = std::string("\nTWO\n\3") + std::string(7, '\0') + "a\nb\n";
  EXPECT_NE(journal_entry(piece("x"), subject).find(lengths), std::string::npos);
}

TEST(Syslog, Formats) {
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  spec::SyslogOptions options;
  const SyslogSender sender{"host", 7};
  const auto text = [&](spec::SyslogFormat format) {
    options.format = format;
    return syslog_message(piece("hello"), options, "tag", sender);
  };
  EXPECT_EQ(text(spec::SyslogFormat::Unix), "<30>Nov 14 22:13:20 tag[7]: hello\n");
  EXPECT_EQ(text(spec::SyslogFormat::Rfc3164), "<30>Nov 14 22:13:20 host tag[7]: hello\n");
  EXPECT_EQ(text(spec::SyslogFormat::Rfc5424),
            "<30>1 2023-11-14T22:13:20Z host tag 7 tag - hello\n");
  EXPECT_EQ(text(spec::SyslogFormat::Rfc5424Micro),
            "<30>1 2023-11-14T22:13:20.120000Z host tag 7 tag - hello\n");
}

TEST(LogTag, Template) {
  planner::Container container;
  container.name = "shop-web-with-a-long-name-1";
  container.image = "nginx:1";
  container.labels = {{"a", "1"}, {"b", "2"}};
  container.environment = {"b=3", "c=4"};
  spec::LogOptions options;
  EXPECT_EQ(log_subject(container, options).tag, container.name);
  options.tag = "{{.ImageName}}/{{.Name}}/{{.ID}}";
  options.labels = {"a", "b", "none"};
  options.env = {"b"};
  const LogSubject subject = log_subject(container, options);
  EXPECT_EQ(subject.tag, "nginx:1/shop-web-with-a-long-name-1/shop-web-wit");
  EXPECT_EQ(subject.extra, (std::map<std::string, std::string>{{"a", "1"}, {"b", "3"}}));
}

class LogCursorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "/stack-cursor-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
  }
  void TearDown() override { base::remove_tree(dir_); }

  void segment(std::uint64_t number, const std::string& out, const std::string& err,
               const std::vector<LogRecord>& records) {
    const std::string stem = dir_ + "/";
    base::write_atomic(stem + segment_file(number, "out"), out);
    base::write_atomic(stem + segment_file(number, "err"), err);
    std::string index(records.size() * sizeof(LogRecord), '\0');
    std::memcpy(index.data(), records.data(), index.size());
    base::write_atomic(stem + segment_file(number, "idx"), index);
  }
  std::vector<std::string> read(LogCursor& cursor, LogCursor::Rest rest) {
    std::vector<std::string> out;
    while (const LogPiece* next = cursor.peek(rest)) {
      out.push_back((next->err ? "e" : "o") + std::to_string(next->time) + ":" + next->text +
                    (next->whole ? "" : "~"));
      cursor.take();
    }
    return out;
  }
  using Lines = std::vector<std::string>;

  std::string dir_;
};

TEST_F(LogCursorTest, MergesStreamsAndSpansSegments) {
  segment(1, "a\nb", "x\n", {{0, 0, 10}, {2, 0, 20}, {3, 0, 15}});
  segment(2, "c\nrest", "", {{0, 0, 30}});
  LogCursor cursor(dir_, {});
  EXPECT_EQ(read(cursor, LogCursor::Rest::Waits), (Lines{"o10:a", "e15:x", "o20:bc"}));
  EXPECT_EQ(cursor.behind(), 4U);
  const LogPosition there = cursor.position();
  EXPECT_EQ(read(cursor, LogCursor::Rest::Comes), Lines{"o30:rest~"});
  EXPECT_EQ(cursor.behind(), 0U);
  // From the same position, the same again.
  LogCursor again(dir_, there);
  EXPECT_EQ(read(again, LogCursor::Rest::Comes), Lines{"o30:rest~"});
}

TEST_F(LogCursorTest, EveryPositionContinuesExactly) {
  std::string out;
  for (int i = 0; i < 50; ++i) out += "line " + std::to_string(i) + "\n";
  segment(1, out, "", {{0, 0, 1}});
  segment(2, out, "", {{0, 0, 2}});
  LogCursor whole(dir_, {});
  const Lines expected = read(whole, LogCursor::Rest::Comes);
  ASSERT_EQ(expected.size(), 100U);
  LogPosition at{};
  Lines got;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    LogCursor one(dir_, at);
    const LogPiece* next = one.peek(LogCursor::Rest::Waits);
    ASSERT_NE(next, nullptr);
    got.push_back("o" + std::to_string(next->time) + ":" + next->text);
    one.take();
    at = one.position();
  }
  EXPECT_EQ(got, expected);
}

TEST_F(LogCursorTest, LongLinesComeInPiecesAndLostSegmentsAreCounted) {
  segment(4, std::string(LogCursor::kLongestPiece + 3, 'x') + "\n", "", {{0, 0, 1}});
  LogCursor cursor(dir_, {});
  const LogPiece* first = cursor.peek(LogCursor::Rest::Waits);
  ASSERT_NE(first, nullptr);
  EXPECT_FALSE(first->whole);
  EXPECT_EQ(first->text.size(), LogCursor::kLongestPiece);
  cursor.take();
  const LogPiece* second = cursor.peek(LogCursor::Rest::Waits);
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(second->text, "xxx");
  EXPECT_TRUE(second->whole);
  EXPECT_FALSE(second->first);
  EXPECT_EQ(cursor.lost(), 6U);  // three of each stream
}

TEST(KeeperState, SurvivesTheChangeOfPrograms) {
  HeldDescriptors held;
  held["dns:a=b c"].emplace_back(::dup(0));
  held["nothing"];
  const std::deque<executor::ExitRecord> exits{{{11, 22}, 33, 1, 44}};
  const int number = held["dns:a=b c"][0].get();
  const base::Fd file = write_keeper_state({99, held, exits});
  (void)held["dns:a=b c"][0].release();
  const KeeperInheritance got = read_keeper_state(file);
  EXPECT_EQ(got.supervisor, 99);
  ASSERT_EQ(got.held.size(), 2U);
  ASSERT_EQ(got.held.at("dns:a=b c").size(), 1U);
  EXPECT_EQ(got.held.at("dns:a=b c")[0].get(), number);
  ASSERT_EQ(got.exits.size(), 1U);
  EXPECT_EQ(got.exits[0].process, (base::ProcessId{11, 22}));
  EXPECT_EQ(got.exits[0].status, 33);
}

}  // namespace
}  // namespace supervisor
