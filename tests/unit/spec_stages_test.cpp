#include <gtest/gtest.h>

#include <map>

#include "spec/dotenv.hpp"
#include "spec/interpolate.hpp"
#include "spec/short_forms.hpp"
#include "spec/units.hpp"
#include "spec/yaml_parse.hpp"

namespace spec {
namespace {

std::optional<std::string> variables(const std::string& name) {
  static const std::map<std::string, std::string> known{
      {"A", "one"}, {"EMPTY", ""}, {"B", "two"}, {"A_1", "under"}};
  const auto at = known.find(name);
  if (at == known.end()) return {};
  return at->second;
}

TEST(Substitute, Forms) {
  struct Case {
    const char* text;
    const char* expected;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"plain", "plain"},
           {"$A", "one"},
           {"${A}", "one"},
           {"$A-$B", "one-two"},
           {"$A_1", "under"},
           {"x${A}y", "xoney"},
           {"$$A", "$A"},
           {"$$$A", "$one"},
           {"$${A}", "${A}"},
           {"${NO}", ""},
           {"$NO.", "."},
           {"${NO:-d}", "d"},
           {"${NO-d}", "d"},
           {"${EMPTY:-d}", "d"},
           {"${EMPTY-d}", ""},
           {"${A:-d}", "one"},
           {"${A:+d}", "d"},
           {"${A+d}", "d"},
           {"${EMPTY:+d}", ""},
           {"${EMPTY+d}", "d"},
           {"${NO:+d}", ""},
           {"${A:?wrong}", "one"},
           {"${EMPTY?wrong}", ""},
           {"${NO:-${A}}", "one"},
           {"${NO:-${NO2:-${B}}}", "two"},
           {"${NO:-a}b}", "ab}"},
           {"${NO:-}", ""},
           {"${NO:-a:b}", "a:b"},
           {"$(date) $! $1 $", "$(date) $! $1 $"},
       }) {
    const Substitution done = substitute(c.text, variables);
    EXPECT_EQ(done.error, "") << c.text;
    EXPECT_EQ(done.text, c.expected) << c.text;
  }
}

TEST(Substitute, Mistakes) {
  for (const char* text : {"${", "${A", "${}", "${A!}", "${1}", "${NO:?}", "${NO?why}",
                           "${EMPTY:?why}", "${A:}", "${{ x }}", "${NO:-${}"}) {
    EXPECT_NE(substitute(text, variables).error, "") << text;
  }
  EXPECT_NE(substitute("${NO?which}", variables).error.find("which"), std::string::npos);
  const Substitution unset = substitute("$NO ${NO2}", variables);
  ASSERT_EQ(unset.unset.size(), 2U);
  EXPECT_EQ(unset.unset[0].name, "NO");
  EXPECT_EQ(unset.unset[1].name, "NO2");
  EXPECT_EQ(unset.unset[1].at, 4U);
}

TEST(Substitute, NestingIsBounded) {
  std::string deep;
  for (int i = 0; i < 5000; ++i) deep += "${NO:-";
  deep += std::string(5000, '}');
  EXPECT_NE(substitute(deep, variables).error, "");
}

TEST(Dotenv, Forms) {
  Report report;
  const auto pairs = parse_dotenv(
      "# comment\n"
      "A1=plain # tail\n"
      "export B1=two\n"
      "C1: yaml\n"
      "D1='single $A'\n"
      "E1=\"double $A\\n\"\n"
      "F1=\n"
      "G1=\"many\nlines\"\n"
      "H1=${A1}x\n"
      "I1=a#b\n"
      "A\n"
      "NO\n"
      "J1='it\\'s'\n"
      "K1=\"\\$A\"\n"
      "  L1 = spaced  \r\n"
      "B1=again",
      {}, variables, report);
  std::map<std::string, std::string> got(pairs.begin(), pairs.end());
  const std::map<std::string, std::string> expected{
      {"A1", "plain"},        {"B1", "again"}, {"C1", "yaml"},        {"D1", "single $A"},
      {"E1", "double one\n"}, {"F1", ""},      {"G1", "many\nlines"}, {"H1", "plainx"},
      {"I1", "a#b"},          {"A", "one"},    {"J1", "it's"},        {"K1", "$A"},
      {"L1", "spaced"}};
  EXPECT_EQ(got, expected);
  EXPECT_FALSE(report.failed());
}

TEST(Dotenv, RawTakesLinesAsTheyAre) {
  Report report;
  DotenvOptions options;
  options.format = DotenvFormat::Raw;
  const auto pairs = parse_dotenv("A1='x' # y\n# c\nB1=$A\n", options, variables, report);
  ASSERT_EQ(pairs.size(), 2U);
  EXPECT_EQ(pairs[0].second, "'x' # y");
  EXPECT_EQ(pairs[1].second, "$A");
}

TEST(Dotenv, Mistakes) {
  for (const char* text : {"A B=c", "=x", "A='open", "A=\"open\n", "A='x' y", "A=${"}) {
    Report report;
    parse_dotenv(text, {}, variables, report);
    EXPECT_TRUE(report.failed()) << text;
    EXPECT_TRUE(report.sorted()[0].place.known()) << text;
  }
}

TEST(Units, Durations) {
  struct Case {
    const char* text;
    const char* expected;  // as printed; nullptr: no duration
  };
  for (const Case& c :
       std::initializer_list<Case>{{"10s", "10s"},
                                   {"1m30s", "1m30s"},
                                   {"90s", "1m30s"},
                                   {"2h", "2h0m0s"},
                                   {"500ms", "500ms"},
                                   {"1.5s", "1.5s"},
                                   {"0", "0s"},
                                   {"1us", "1\xc2\xb5s"},
                                   {"1d", "24h0m0s"},
                                   {"2m", "2m0s"},
                                   {"1h1ms", "1h0m0.001s"},
                                   {"-1m", "-1m0s"},
                                   {"+1m", "1m0s"},
                                   {".5s", "500ms"},
                                   {"1.s", "1s"},
                                   {"1w1d", "192h0m0s"},
                                   {"1.5h", "1h30m0s"},
                                   {"0.1h", "6m0s"},
                                   {"1\xce\xbcs", "1\xc2\xb5s"},
                                   {"0.0000000001s", "0s"},
                                   {"9223372036854775807ns", "2562047h47m16.854775807s"},
                                   {"", nullptr},
                                   {"-", nullptr},
                                   {".s", nullptr},
                                   {"1m 30s", nullptr},
                                   {" 1s", nullptr},
                                   {"1s ", nullptr},
                                   {"1e3s", nullptr},
                                   {"--1s", nullptr},
                                   {"1s-1s", nullptr},
                                   {"9223372036854775808ns", nullptr},
                                   {"9223372036854775807ns1ns", nullptr},
                                   {"15251w", nullptr},
                                   {"10", nullptr},
                                   {"s", nullptr},
                                   {"1x", nullptr},
                                   {"1..5s", nullptr},
                                   {"s1", nullptr},
                                   {"999999999999999h", nullptr}}) {
    const auto value = parse_duration(c.text);
    ASSERT_EQ(value.has_value(), c.expected != nullptr) << c.text;
    if (value) {
      EXPECT_EQ(duration_text(*value), c.expected) << c.text;
    }
  }
}

TEST(Units, Sizes) {
  EXPECT_EQ(parse_bytes("100"), 100);
  EXPECT_EQ(parse_bytes("1k"), 1024);
  EXPECT_EQ(parse_bytes("64m"), 64 << 20);
  EXPECT_EQ(parse_bytes("64MB"), 64 << 20);
  EXPECT_EQ(parse_bytes("2GiB"), 2LL << 30);
  EXPECT_EQ(parse_bytes("1.5g"), 1610612736);
  EXPECT_EQ(parse_bytes("10b"), 10);
  EXPECT_EQ(parse_bytes("64 k"), 64 << 10);
  EXPECT_EQ(parse_bytes("1e3"), 1000);
  EXPECT_EQ(parse_bytes("1.5"), 1);
  EXPECT_EQ(parse_bytes(".5k"), 512);
  EXPECT_EQ(parse_bytes("8191p"), 8191LL << 50);
  EXPECT_EQ(parse_bytes("-1"), -1);
  for (const char* text :
       {"",    "m",    "1x",  "1mm", "-2",  "-0.5m", "1 2",  "1e5z",  "8192p", "2Gi",
        "1bb", "1  k", "1k ", "1ib", "inf", "nan",   "0x10", "1e400", "1.2.3", "1kibx"}) {
    EXPECT_FALSE(parse_bytes(text)) << text;
  }
}

TEST(Units, PortRanges) {
  EXPECT_EQ(parse_port_range("80")->first, 80U);
  EXPECT_EQ(parse_port_range("80-90")->count, 11U);
  EXPECT_EQ(parse_port_range("1-65535")->count, 65535U);
  for (const char* text :
       {"", "-", "80-", "-80", "90-80", "65536", "a", "80-90-95", "+80", " 80"}) {
    EXPECT_FALSE(parse_port_range(text)) << text;
  }
}

TEST(ShortForms, Words) {
  struct Case {
    const char* text;
    std::vector<std::string> expected;
  };
  for (const Case& c : std::vector<Case>{{"a b", {"a", "b"}},
                                         {"a 'b c'", {"a", "b c"}},
                                         {"a \"b \\\" c\" d\\ e", {"a", "b \" c", "d e"}},
                                         {"", {}},
                                         {"a ''", {"a", ""}},
                                         {"x=\"y\"z", {"x=yz"}}}) {
    std::vector<std::string> words;
    EXPECT_TRUE(split_words(c.text, words)) << c.text;
    EXPECT_EQ(words, c.expected) << c.text;
  }
  std::vector<std::string> words;
  EXPECT_FALSE(split_words("a 'b", words));
}

TEST(Scalars, AsDockerComposeReadsThem) {
  struct Case {
    const char* text;
    Kind kind;
    const char* canonical;
  };
  for (const Case& c :
       std::initializer_list<Case>{{"0777", Kind::Int, "511"},
                                   {"0o17", Kind::Int, "15"},
                                   {"0x1F", Kind::Int, "31"},
                                   {"0b11", Kind::Int, "3"},
                                   {"1_000", Kind::Int, "1000"},
                                   {"-5", Kind::Int, "-5"},
                                   {"+5", Kind::Int, "5"},
                                   {"089", Kind::Float, "89"},
                                   {"1.10", Kind::Float, "1.1"},
                                   {"1e3", Kind::Float, "1000"},
                                   {"1e6", Kind::Float, "1e+06"},
                                   {"1234567.8", Kind::Float, "1.2345678e+06"},
                                   {"1_000.5", Kind::Float, "1000.5"},
                                   {"-0x1f", Kind::Int, "-31"},
                                   {"-0o17", Kind::Int, "-15"},
                                   {"0_7", Kind::Int, "7"},
                                   {".inf", Kind::Float, "+Inf"},
                                   {"-.Inf", Kind::Float, "-Inf"},
                                   {".NaN", Kind::Float, "NaN"},
                                   {"-.nan", Kind::String, "-.nan"},
                                   {".iNf", Kind::String, ".iNf"},
                                   {"1e999", Kind::String, "1e999"},
                                   {"+1e2", Kind::Float, "100"},
                                   {"0x", Kind::String, "0x"},
                                   {"0b12", Kind::String, "0b12"},
                                   {"_1", Kind::String, "_1"},
                                   {".1_0", Kind::String, ".1_0"},
                                   {"2001-01-01", Kind::String, "2001-01-01"},
                                   {"18446744073709551615", Kind::Int, "18446744073709551615"},
                                   {"18446744073709551616", Kind::Float, "1.8446744073709552e+19"},
                                   {"on", Kind::String, "on"},
                                   {"Null", Kind::Null, ""},
                                   {"nULL", Kind::String, "nULL"},
                                   {"tRUE", Kind::String, "tRUE"},
                                   {".5", Kind::Float, "0.5"},
                                   {"yes", Kind::String, "yes"},
                                   {"no", Kind::String, "no"},
                                   {"true", Kind::Bool, "true"},
                                   {"FALSE", Kind::Bool, "false"},
                                   {"~", Kind::Null, ""},
                                   {"null", Kind::Null, ""},
                                   {"1.2.3", Kind::String, "1.2.3"},
                                   {"12:30", Kind::String, "12:30"},
                                   {"-", Kind::String, "-"},
                                   {"1a", Kind::String, "1a"}}) {
    Node node;
    resolve_plain(c.text, node);
    EXPECT_EQ(node.kind, c.kind) << c.text;
    EXPECT_EQ(node.text, c.canonical) << c.text;
  }
}

std::vector<Node> parse(std::string_view text, Report& report) {
  if (!scan(text, 0, {}, report)) return {};
  return parse_yaml(text, 0, {}, report);
}

TEST(Yaml, MergeKeysAndAnchors) {
  Report report;
  const auto documents = parse(
      "a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc:\n  <<: [*a, *b]\n  x: own\nd: *a\n", report);
  ASSERT_FALSE(report.failed());
  const Node* c = documents[0].find("c");
  EXPECT_EQ(c->text_of("x"), "own");
  EXPECT_EQ(c->text_of("y"), "2");
  EXPECT_EQ(c->text_of("z"), "4");
  EXPECT_EQ(documents[0].find("d")->text_of("x"), "1");
  EXPECT_EQ(c->find("z")->place.line, 2U);
}

TEST(Yaml, Places) {
  Report report;
  const auto documents = parse("services:\n  web:\n    image: nginx\n    tty:\n", report);
  const Node* web = documents[0].find("services")->find("web");
  EXPECT_EQ(web->key_place, (Place{0, 2, 3}));
  EXPECT_EQ(web->find("image")->place, (Place{0, 3, 12}));
  EXPECT_EQ(web->find("tty")->place, (Place{0, 4, 5}));
}

TEST(Yaml, QuotedTextIsNoFlow) {
  Report report;
  const std::string brackets(300, '[');
  const auto documents = parse("a: \"" + brackets + "\"\nb: |\n  " + brackets + "\nc: x" +
                                   brackets + "\nd: 'it''s'\ne: don't\nf: a:\"b\n",
                               report);
  EXPECT_FALSE(report.failed());
  EXPECT_EQ(documents.size(), 1U);
}

TEST(Yaml, HostileTextsAreRefused) {
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 12; ++i) {
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int k = 0; k < 10; ++k) bomb += (k ? ",*a" : "*a") + std::to_string(i - 1);
    bomb += "]\n";
  }
  std::string many = "a: [";
  for (int i = 0; i < 200'000; ++i) many += "1,";
  std::string indents;
  for (int i = 0; i < 400; ++i) indents += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
  std::string dashes;
  for (int i = 0; i < 1000; ++i) dashes += "- ";
  const std::vector<std::string> texts{
      bomb,
      many,
      indents,
      dashes,
      "a: " + std::string(100'000, '['),
      "a: " + std::string(100'000, '{'),
      std::string("a: x\0y\n", 7),
      "\xff\xfe" + std::string("a\0:\0", 4),
      "\xfe\xff" + std::string("\0a\0:", 4),
      "a: \xc3\x28\n",
      "a: \xed\xa0\x80\n",
      "a: \x1b[31m\n",
      "a: &a [*a]\n",
      "a: \"open\n",
      "? [a]\n: b\n",
      "a: !custom x\n",
      "a:\n\tb: c\n",
      std::string((1U << 20U) + 1, 'a'),
  };
  for (const std::string& text : texts) {
    Report report;
    parse(text, report);
    ASSERT_TRUE(report.failed()) << text.substr(0, 40);
    EXPECT_TRUE(report.sorted()[0].place.known()) << text.substr(0, 40);
  }
}

}  // namespace
}  // namespace spec
