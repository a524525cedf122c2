// The YAML front: duplicate keys, merge keys, aliases and their budget, tags, keys, places.
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "spec/yaml_parse.hpp"

namespace spec {
namespace {

struct Read {
  std::vector<Node> documents;
  std::vector<Diagnostic> diagnostics;

  [[nodiscard]] const Node& root() const { return documents.at(0); }
};

Read read(std::string_view text, const Bounds& bounds = {}) {
  Report report;
  Read out;
  if (scan(text, 0, bounds, report)) out.documents = parse_yaml(text, 0, bounds, report);
  out.diagnostics = report.sorted();
  return out;
}

void expect_error(std::string_view text, std::string_view message, Place place,
                  const Bounds& bounds = {}) {
  const Read got = read(text, bounds);
  ASSERT_FALSE(got.diagnostics.empty()) << text.substr(0, 60);
  EXPECT_NE(got.diagnostics[0].text.find(message), std::string::npos)
      << text.substr(0, 60) << ": " << got.diagnostics[0].text;
  EXPECT_EQ(got.diagnostics[0].place, place)
      << text.substr(0, 60) << got.diagnostics[0].text << " " << got.diagnostics[0].place.line
      << ":" << got.diagnostics[0].place.column;
}

TEST(YamlKeys, DuplicatesCiteBothPlaces) {
  const Read got = read("a: 1\nb: 2\na: 3\n");
  ASSERT_EQ(got.diagnostics.size(), 1U);
  EXPECT_EQ(got.diagnostics[0].place, (Place{0, 3, 1}));
  ASSERT_EQ(got.diagnostics[0].related.size(), 1U);
  EXPECT_EQ(got.diagnostics[0].related[0].place, (Place{0, 1, 1}));

  std::string large = "x:\n";
  for (int i = 0; i < 100; ++i) large += "  k" + std::to_string(i) + ": 1\n";
  expect_error(large + "  k5: 2\n", "given twice", {0, 102, 3});
  expect_error("a: {b: 1, 'b': 2}\n", "given twice", {0, 1, 11});
  expect_error("a: &x {b: 1, b: 2}\nc: *x\n", "given twice", {0, 1, 14});
  expect_error("a: &x {}\nb:\n  <<: *x\n  <<: *x\n", "<< is given twice", {0, 4, 3});
}

TEST(YamlKeys, MustBeStrings) {
  expect_error("a:\n  123: x\n", "not a number", {0, 2, 3});
  expect_error("true: x\n", "not a boolean", {0, 1, 1});
  expect_error("a: {1.5: x}\n", "not a number", {0, 1, 5});
  expect_error(": x\n", "not nothing", {0, 1, 1});
  expect_error("~: x\n", "not nothing", {0, 1, 1});
  expect_error("{a: b}: x\n", "not a list or mapping", {0, 1, 1});
  expect_error("? - a\n: x\n", "not a list or mapping", {0, 1, 3});
  expect_error("a: &m {x: 1}\n*m : y\n", "not a list or mapping", {0, 2, 1});
  const Read fine = read("'123': a\nyes: b\n!!str 5: c\n\"<<\": d\nx: &k key\n*k : e\n");
  EXPECT_TRUE(fine.diagnostics.empty());
  EXPECT_EQ(fine.root().text_of("123"), "a");
  EXPECT_EQ(fine.root().text_of("5"), "c");
  EXPECT_EQ(fine.root().text_of("<<"), "d");
  EXPECT_EQ(fine.root().text_of("key"), "e");
  EXPECT_EQ(fine.root().find("key")->key_place, (Place{0, 6, 1}));
}

TEST(YamlMerge, Precedence) {
  const Read got = read(
      "a: &a {x: 1, y: 2}\n"
      "b: &b {<<: *a, y: 3, z: 4}\n"
      "l: &l [*b, {w: 5, x: 6}]\n"
      "c: {<<: *l, z: own}\n"
      "d: {z: own, <<: {q: 7}}\n"
      "e: {!!merge <<: *a, y: own}\n");
  ASSERT_TRUE(got.diagnostics.empty()) << got.diagnostics[0].text;
  const Node& c = *got.root().find("c");
  EXPECT_EQ(c.text_of("x"), "1");
  EXPECT_EQ(c.text_of("y"), "3");
  EXPECT_EQ(c.text_of("z"), "own");
  EXPECT_EQ(c.text_of("w"), "5");
  EXPECT_EQ(got.root().find("d")->text_of("q"), "7");
  EXPECT_EQ(got.root().find("e")->text_of("x"), "1");
  EXPECT_EQ(got.root().find("e")->text_of("y"), "own");
  expect_error("a: {<<: x}\n", "merge key takes a mapping", {0, 1, 9});
  expect_error("a: {<<: [{x: 1}, 2]}\n", "merge key takes a mapping", {0, 1, 18});
  expect_error("a:\n  <<:\n", "merge key takes a mapping", {0, 2, 5});
}

TEST(YamlMerge, RemembersWhatBroughtAValue) {
  const Read got = read(
      "x: &x {k: {deep: 1}}\n"
      "alias: *x\n"
      "merged:\n"
      "  <<: *x\n"
      "  own: 2\n");
  const Node& alias = *got.root().find("alias");
  EXPECT_EQ(alias.via, Via::Alias);
  EXPECT_EQ(alias.via_place, (Place{0, 2, 8}));
  EXPECT_EQ(alias.find("k")->find("deep")->via, Via::Alias);
  EXPECT_EQ(alias.find("k")->find("deep")->place, (Place{0, 1, 18}));
  const Node& merged = *got.root().find("merged");
  EXPECT_EQ(merged.find("k")->via, Via::MergeKey);
  EXPECT_EQ(merged.find("k")->find("deep")->via_place, (Place{0, 4, 3}));
  EXPECT_EQ(merged.find("own")->via, Via::Text);
  EXPECT_EQ(got.root().find("x")->find("k")->via, Via::Text);
}

TEST(YamlAliases, HaveABudget) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i <= 9; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int k = 1; k < 10; ++k) text += ", " + before;
    text += "]\n";
  }
  expect_error(text, "aliases expanded", {0, 5, 45});
  // A long text, many times.
  std::string wide = "t: &t '" + std::string(100'000, 'x') + "'\nl: [*t";
  for (int i = 0; i < 200; ++i) wide += ", *t";
  expect_error(wide + "]\n", "bytes in one file", {0, 2, 333});
  // Each level is one deeper than the last.
  std::string deep = "a0: &a0 {x: 1}\n";
  for (int i = 1; i < 150; ++i) {
    deep += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " {x: *a" +
            std::to_string(i - 1) + "}\n";
  }
  expect_error(deep, "levels deep", {0, 100, 15});
  expect_error("a: &a {b: [*a]}\n", "inside the very value", {0, 1, 12});
  expect_error("a: &a\n  <<: *a\n", "inside the very value", {0, 2, 7});
}

TEST(YamlAliases, AnchorsThatNobodyUsesCostNothing) {
  std::string text;
  for (int i = 0; i < 90; ++i) text += "&a" + std::to_string(i) + " [";
  for (int i = 0; i < 20'000; ++i) text += "1,";
  const Read got = read("a: " + text + std::string(90, ']') + "\n");
  EXPECT_TRUE(got.diagnostics.empty());
}

TEST(YamlTags, StandardAndOwn) {
  const Read got = read(
      "a: !!str 1\nb: !!int \"7\"\nc: !!float 1\nd: !reset\ne: !override [x]\nf: !!null ''\n"
      "g: !!map {x: 1}\nh: !!seq [1]\ni: !!bool \"true\"\nj: !reset {}\nk: ! 5\n");
  ASSERT_TRUE(got.diagnostics.empty()) << got.diagnostics[0].text;
  const Node& root = got.root();
  EXPECT_EQ(root.find("a")->kind, Kind::String);
  EXPECT_EQ(root.find("b")->kind, Kind::Int);
  EXPECT_EQ(root.find("c")->kind, Kind::Float);
  EXPECT_EQ(root.find("d")->tag, Tag::Reset);
  EXPECT_EQ(root.find("e")->tag, Tag::Override);
  EXPECT_EQ(root.find("f")->kind, Kind::Null);
  EXPECT_EQ(root.find("i")->kind, Kind::Bool);
  EXPECT_EQ(root.find("j")->tag, Tag::Reset);
  expect_error("a: !custom x\n", "the tag !custom is not known", {0, 1, 12});
  expect_error("a: !custom [x]\n", "the tag !custom is not known", {0, 1, 4});
  expect_error("a: !!python/tuple [1]\n", "the tag !!python/tuple is not known", {0, 1, 4});
  expect_error("a: !!int x\n", "cannot be read as !!int", {0, 1, 10});
  expect_error("a: !!binary aGk=\n", "the tag !!binary is not known", {0, 1, 13});
}

TEST(YamlPlaces, OfValuesWithProperties) {
  const Read got = read("a: &x !!str text\nb:\n  - one\n  -\n  - # nothing\n  - ~\n\nc:\nd: ~\n");
  EXPECT_EQ(got.root().find("a")->place, (Place{0, 1, 13}));
  const std::vector<Node>& items = got.root().find("b")->children;
  EXPECT_EQ(items[1].place, (Place{0, 4, 3}));
  EXPECT_EQ(items[2].place, (Place{0, 5, 3}));
  EXPECT_EQ(items[3].place, (Place{0, 6, 5}));
  EXPECT_EQ(got.root().find("c")->place, (Place{0, 8, 1}));
  EXPECT_EQ(got.root().find("d")->place, (Place{0, 9, 4}));
}

TEST(YamlPlaces, MarksAndLineEnds) {
  expect_error(
      "\xef\xbb\xbf"
      "a: 1\r\na: 2\r\n",
      "given twice", {0, 2, 1});
  expect_error(
      "\xef\xbb\xbf"
      "a: {b: 1, b: 2}\r\n",
      "given twice", {0, 1, 11});
  expect_error("a: \xc3\xa9\r\nb: 1\r\nb: 2\r\n", "given twice", {0, 3, 1});
  expect_error("---\na: 1\n---\na: 2\na: 3\n", "given twice", {0, 5, 1});
  expect_error("a:\n\tb: 1\n", "tab", {0, 2, 1});
  expect_error("a:\n  b: 1\n \tc: 1\n", "tab", {0, 3, 2});
  expect_error("a: 'x\nb: 1\n", "never closed", {0, 1, 4});
  expect_error("a: b: c\n", "not valid YAML", {0, 1, 5});
  expect_error("a: [1, 2\nb: 3\n", "not valid YAML", {0, 2, 2});
}

TEST(YamlDocuments, SeveralInAFile) {
  const Read got = read("---\na: 1\n...\n---\n---\nb: 2\n--- {c: 3}\n");
  ASSERT_TRUE(got.diagnostics.empty()) << got.diagnostics[0].text;
  ASSERT_EQ(got.documents.size(), 3U);
  EXPECT_EQ(got.documents[2].text_of("c"), "3");
  // An anchor belongs to its document.
  expect_error("a: &x 1\n---\nb: *x\n", "anchor", {0, 3, 4});
}

TEST(YamlScan, UnquotedTextsOfSeveralLinesAreNoFlow) {
  const Read got = read(
      "a: sh -c\n  [ -f x ] && {{ 'y\n  \"z\n"
      "b:\n  - one\n    [[ two\n  - three: four\n     '[ five\n"
      "c: '[{'\nd: \"it's\"\n");
  ASSERT_TRUE(got.diagnostics.empty()) << got.diagnostics[0].text;
  EXPECT_EQ(got.root().text_of("a"), "sh -c [ -f x ] && {{ 'y \"z");
  EXPECT_EQ(got.root().text_of("d"), "it's");
}

TEST(YamlScan, FindsBombsBehindEveryIndicator) {
  const std::string bomb(100'000, '[');
  for (const char* before : {"", "- ", "-\t", "? ", "--- ", "- ? - ", "a: ", "a:\t", "a: &x ",
                             "a: !t ", "? a\n: ", "'a': ", "*a : ", "a: b # c\n  ", "- - x\n- ",
                             "a: >\n  x\n", "a: |\n\n  x\nb: "}) {
    expect_error(before + bomb, "levels deep", read(before + bomb).diagnostics.at(0).place);
  }
}

TEST(YamlScan, Encoding) {
  expect_error(std::string("a: x\0y\n", 7), "NUL byte at byte 4", {0, 1, 5});
  expect_error("a: 1\nb: \xe9t\xe9\n", "byte 8 is not valid UTF-8", {0, 2, 4});
  expect_error("a: \xc0\xaf\n", "byte 3 is not", {0, 1, 4});
  expect_error("a: \xed\xa0\x80\n", "byte 3 is not", {0, 1, 4});
  expect_error("a: \xf4\x90\x80\x80\n", "byte 3 is not", {0, 1, 4});
  expect_error("a: \xe2\x82", "byte 3 is not", {0, 1, 4});
  expect_error("a: \x1b[31m\n", "U+001B at byte 3", {0, 1, 4});
  expect_error("a: \x7f\n", "U+007F", {0, 1, 4});
  expect_error("a: \xc2\x80\n", "U+0080", {0, 1, 4});
  expect_error(
      "a: 1\n\xef\xbb\xbf"
      "b: 2\n",
      "byte order mark", {0, 2, 1});
  expect_error(std::string("\xff\xfe"
                           "a\0:\0",
                           6),
               "UTF-16", {0, 1, 1});
  expect_error(std::string("\0a\0:", 4), "UTF-16", {0, 1, 1});
  EXPECT_TRUE(read("a: \xf0\x9f\x90\xb3 \xc2\x85\n").diagnostics.empty());
}

TEST(YamlScan, BoundsCanBeSet) {
  Bounds bounds;
  bounds.nodes = 10;
  expect_error("a: 1\nb: 2\nc: 3\nd: 4\ne: 5\nf: 6\n", "more than 10 values", {0, 6, 2}, bounds);
  bounds = {};
  bounds.bytes = 4;
  expect_error("a: 1\n", "more than the 4 bytes", {0, 1, 1}, bounds);
  bounds = {};
  bounds.depth = 3;
  expect_error("a:\n b:\n  c:\n   d: 1\n", "more than 3 levels", {0, 4, 4}, bounds);

  const Bounds read = bounds_of({{"STACK_MAX_BYTES", "2000"}, {"STACK_MAX_NODES", "7"}});
  EXPECT_EQ(read.bytes, 2000U);
  EXPECT_EQ(read.expanded_bytes, 16'000U);
  EXPECT_EQ(read.nodes, 7U);
  EXPECT_EQ(read.depth, Bounds{}.depth);
  for (const char* wrong : {"0", "-1", "x", "401", "1k"}) {
    EXPECT_THROW(bounds_of({{"STACK_MAX_DEPTH", wrong}}), base::Error) << wrong;
  }
}

}  // namespace
}  // namespace spec
