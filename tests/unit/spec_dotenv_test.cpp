// .env files: what docker compose's own reader makes of them, and where mistakes are placed.
#include <gtest/gtest.h>

#include <map>

#include "spec/dotenv.hpp"

namespace spec {
namespace {

std::optional<std::string> outside(const std::string& name) {
  if (name == "SHELL_HAS") return "it";
  return {};
}

struct ParsedFile {
  std::map<std::string, std::string> values;
  std::vector<Diagnostic> diagnostics;
};

ParsedFile parsed(std::string_view text, DotenvFormat format = DotenvFormat::Expanded) {
  Report report;
  DotenvOptions options;
  options.format = format;
  ParsedFile out;
  for (auto& [key, value] : parse_dotenv(text, options, outside, report)) out.values[key] = value;
  out.diagnostics = report.sorted();
  return out;
}

TEST(DotenvFile, OneLine) {
  struct Case {
    const char* text;
    const char* value;  // of A
  };
  for (const Case& c :
       std::initializer_list<Case>{{"A=b", "b"},
                                   {"A = b ", "b"},
                                   {"A:b", "b"},
                                   {"A: b c ", "b c"},
                                   {"export A=b", "b"},
                                   {"export\tA=b\r\n", "b"},
                                   {"\xef\xbb\xbf"
                                    "A=b\r\n",
                                    "b"},
                                   {"\n\r\n  \t\nA=b", "b"},
                                   {"A=", ""},
                                   {"A=''", ""},
                                   {"A=\"\"", ""},
                                   {"A=b#c", "b#c"},
                                   {"A=b #c", "b"},
                                   {"A=b\t#c", "b\t#c"},
                                   {"A= # c", "# c"},  // a '#' that begins the value is part of it
                                   {"A=#c", "#c"},
                                   {"A='b' # c", "b"},
                                   {"A=\"b # c\"", "b # c"},
                                   {"A=b 'c' \"d\"", "b 'c' \"d\""},
                                   {"A=b=c", "b=c"},
                                   {"A=a\\nb", "a\\nb"},  // escapes belong to double quotes
                                   {R"(A="a\nb\tc\\d\"e\$F")", "a\nb\tc\\d\"e$F"},
                                   {R"(A="\a\b\f\v\r")", "\a\b\f\v\r"},
                                   {R"(A="\x\c\0\01")", R"(\x\c\0\01)"},
                                   {R"(A="\0101\0351")", "A\xc3\xa9"},
                                   {R"(A='it\'s \n $B')", "it's \\n $B"},
                                   {"A='x\n y'", "x\n y"},
                                   {"A=\"x\r\ny\"", "x\r\ny"},
                                   {"B=1\nA=${B}2$B", "121"},
                                   {"A=${SHELL_HAS}", "it"},
                                   {"A=${NO:-{}}", "{}"},
                                   {"A=$$B", "$B"},
                                   {"A=\"$SHELL_HAS\"", "it"},
                                   {"SHELL_HAS=no\nA=$SHELL_HAS", "it"},
                                   {"A=1\nA=2", "2"},
                                   {"\xc3\xa9=1\nA=$$", "$"}}) {
    const ParsedFile got = parsed(c.text);
    EXPECT_TRUE(got.diagnostics.empty()) << c.text;
    ASSERT_EQ(got.values.count("A"), 1U) << c.text;
    EXPECT_EQ(got.values.at("A"), c.value) << c.text;
  }
}

TEST(DotenvFile, NamesAlone) {
  const ParsedFile got = parsed("SHELL_HAS\nNO\nexport SHELL_HAS\nA.b-c[0]=1\n");
  EXPECT_TRUE(got.diagnostics.empty());
  EXPECT_EQ(got.values,
            (std::map<std::string, std::string>{{"SHELL_HAS", "it"}, {"A.b-c[0]", "1"}}));
}

TEST(DotenvFile, Raw) {
  const ParsedFile got =
      parsed("\xef\xbb\xbf# c\r\n  A='x' # y $B \r\nB=\"two\n  SHELL_HAS\nNO\nC= x=y \n",
             DotenvFormat::Raw);
  EXPECT_TRUE(got.diagnostics.empty());
  EXPECT_EQ(got.values,
            (std::map<std::string, std::string>{
                {"A", "'x' # y $B "}, {"B", "\"two"}, {"SHELL_HAS", "it"}, {"C", " x=y "}}));
}

TEST(DotenvFile, PlacesOfMistakes) {
  struct Case {
    const char* text;
    DotenvFormat format;
    std::uint32_t line, column;
  };
  const DotenvFormat expanded = DotenvFormat::Expanded;
  for (const Case& c : std::initializer_list<Case>{{"A=1\nA B=2\n", expanded, 2, 3},
                                                   {"A=1\n\n  =2\n", expanded, 3, 3},
                                                   {"A=1\nB#c\n", expanded, 2, 2},
                                                   {"A='x\ny'\nB=\"open\n\n", expanded, 3, 3},
                                                   {"A='x' y\n", expanded, 1, 7},
                                                   {"A=ok ${\n", expanded, 1, 6},
                                                   {"A=\"line\nx \\$ ${\"\n", expanded, 2, 6},
                                                   {"A=${NO?why}\n", expanded, 1, 3},
                                                   {"A=1\nB C=2\n", DotenvFormat::Raw, 2, 2},
                                                   {"=2\n", DotenvFormat::Raw, 1, 1}}) {
    const ParsedFile got = parsed(c.text, c.format);
    ASSERT_EQ(got.diagnostics.size(), 1U) << c.text;
    EXPECT_EQ(got.diagnostics[0].severity, Severity::Error) << c.text;
    EXPECT_EQ(got.diagnostics[0].place, (Place{0, c.line, c.column})) << c.text;
  }
  const std::string nul("A=1\nB=\0\n", 8);
  ASSERT_EQ(parsed(nul).diagnostics.size(), 1U);
  EXPECT_EQ(parsed(nul).diagnostics[0].place, (Place{0, 2, 3}));
}

TEST(DotenvFile, DoublingIsBounded) {
  std::string text = "A0=xxxxxxxxxxxxxxxx\n";
  for (int i = 1; i < 60; ++i) {
    const std::string before = "$A" + std::to_string(i - 1);
    text += "A" + std::to_string(i) + "=" + before + before + "\n";
  }
  const ParsedFile got = parsed(text);
  ASSERT_FALSE(got.diagnostics.empty());
  std::size_t total = 0;
  for (const auto& entry : got.values) total += entry.second.size();
  EXPECT_LE(total, 8U << 20U);
}

}  // namespace
}  // namespace spec
