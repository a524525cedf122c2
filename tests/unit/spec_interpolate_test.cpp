// Variables in values: braces as docker compose pairs them, places inside the value, bounds.
#include <gtest/gtest.h>

#include <map>

#include "spec/interpolate.hpp"
#include "spec/yaml_parse.hpp"

namespace spec {
namespace {

std::optional<std::string> known_variables(const std::string& name) {
  static const std::map<std::string, std::string> known{
      {"A", "one"}, {"EMPTY", ""}, {"LONG", std::string(300'000, 'x')}};
  const auto at = known.find(name);
  if (at == known.end()) return {};
  return at->second;
}

TEST(Interpolate, BracesComeInPairs) {
  struct Case {
    const char* text;
    const char* expected;
  };
  for (const Case& c : std::initializer_list<Case>{
           {R"(${NO:-{"a": 1}})", R"({"a": 1})"},
           {R"(${A:-{"a": 1}})", "one"},
           {"${NO:-{}}", "{}"},
           {"${NO:-{x}", "{x"},  // not paired: up to the last brace of the line
           {"${NO:-{x}\n}", "{x\n}"},
           {"${NO:-a}${A}", "aone"},
           {"${NO:-a} ${NO:-b} }", "a b }"},
           {"${NO:-$A}", "one"},
           {"${NO:-$$A}", "$A"},
           {"${A:+${NO:-x}}", "x"},
           {"${NO-b:-c}", "b:-c"},
           {"${A:-${}", "one"},  // what is not taken is not read
           {"${NO:+${NO?why}}", ""},
           {"$A$A", "oneone"},
           {"$a", ""},
           {"{$A}", "{one}"},
           {"a$", "a$"},
       }) {
    const Substitution done = substitute(c.text, known_variables);
    EXPECT_EQ(done.error, "") << c.text;
    EXPECT_EQ(done.text, c.expected) << c.text;
  }
}

TEST(Interpolate, WhereTheMistakeIs) {
  struct Case {
    const char* text;
    std::size_t at;
  };
  for (const Case& c : std::initializer_list<Case>{{"a ${", 2},
                                                   {"a $A ${A", 5},
                                                   {"${NO:-x ${}}", 8},
                                                   {"${NO:-\nx}", 0},
                                                   {"${A:x}", 0},
                                                   {"x${NO?y}", 1},
                                                   {"${A}${-x}", 4},
                                                   {"${NO:-${NO2?deep}}", 6}}) {
    const Substitution done = substitute(c.text, known_variables);
    EXPECT_NE(done.error, "") << c.text;
    EXPECT_EQ(done.error_at, c.at) << c.text;
  }
}

Report interpolated(std::string_view text, bool strict = false) {
  Report report;
  report.set_strict(strict);
  for (Node& document : parse_yaml(text, 0, {}, report)) {
    interpolate(document, known_variables, text, report);
  }
  return report;
}

TEST(Interpolate, PlacesInEveryStyle) {
  struct Case {
    const char* text;
    std::uint32_t line, column;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"a: x ${\n", 1, 6},
           {"a: 'it''s ${'\n", 1, 11},
           {"a: \"x\\ty \\x24A ${\"\n", 1, 16},
           {"a: |  # $\n  one $A\n  two ${\n", 3, 7},
           {"a: >-\n  one\n\n  two ${\n", 4, 7},
           {"a: one\n  two $A\n  three ${\n", 3, 9},
           {"\xef\xbb\xbf"
            "a: x ${\n",
            1, 6},
           {"a:\r\n  - b\r\n  - x ${\r\n", 3, 7},
           {"a: &x ${\n", 1, 7},
           {"a: &x [ok, \"${\"]\nb: *x\n", 1, 13},
       }) {
    const Report report = interpolated(c.text);
    ASSERT_TRUE(report.failed()) << c.text;
    EXPECT_EQ(report.sorted()[0].place, (Place{0, c.line, c.column})) << c.text;
  }
}

TEST(Interpolate, UnsetIsAWarningOrAnError) {
  const Report loose = interpolated("a: x $NO\nb: $NO\n");
  EXPECT_FALSE(loose.failed());
  ASSERT_EQ(loose.sorted().size(), 1U);  // told once
  EXPECT_EQ(loose.sorted()[0].place, (Place{0, 1, 6}));
  EXPECT_TRUE(interpolated("a: x $NO\n", true).failed());
  EXPECT_FALSE(interpolated("a: x ${NO:-}\n", true).failed());
}

TEST(Interpolate, KeysAreLeftAlone) {
  Report report;
  std::vector<Node> documents = parse_yaml("$A: $A\n", 0, {}, report);
  interpolate(documents[0], known_variables, "$A: $A\n", report);
  EXPECT_EQ(documents[0].text_of("$A"), "one");
}

TEST(Interpolate, GrowthIsBounded) {
  EXPECT_NE(substitute("$LONG$LONG$LONG$LONG", known_variables).error, "");
  std::string many;
  for (int i = 0; i < 60; ++i) many += "- $LONG$LONG\n";
  const Report report = interpolated(many);
  EXPECT_EQ(report.errors(), 1U);
}

}  // namespace
}  // namespace spec
