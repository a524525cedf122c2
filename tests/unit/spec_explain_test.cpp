// `config --explain`: the origin of a value, of every kind there is.
#include "spec/explain.hpp"

#include "base/error.hpp"
#include "spec/variables.hpp"
#include "unit/spec_support.hpp"

namespace spec {
namespace {

class Explain : public StackFolder {
 protected:
  void SetUp() override {
    StackFolder::SetUp();
    write("compose.yaml",
          "x-common: &common {FROM_ANCHOR: a}\n"
          "services:\n"
          "  web:\n"
          "    image: x\n"
          "    extends: {file: base.yaml, service: base}\n"
          "    env_file: app.env\n"
          "    ports: [\"80:80\"]\n"
          "    labels: *common\n"
          "    environment:\n"
          "      <<: *common\n"
          "      LITERAL: here\n"
          "      DOTENV: ${IN_DOTENV}\n"
          "      SHELL: pre-${IN_SHELL:-never}\n"
          "      FALLBACK: ${NOWHERE:-dflt}\n"
          "      PASSED:\n"
          "include: [inc.yaml]\n");
    write("base.yaml", "services: {base: {image: b, environment: {EXTENDED: e}}}\n");
    write("inc.yaml", "services: {inc: {image: included}}\n");
    write("over.yaml", "services: {web: {environment: {OVERRIDE: o}}}\n");
    write("app.env", "# comment\nFILED=1\n");
    write(".env", "OTHER=1\nIN_DOTENV=d\n");
    options_.files = {"compose.yaml", "over.yaml"};
    options_.environment = {{"IN_SHELL", "s"}, {"PASSED", "p"}};
  }
  std::string of(const std::string& key) {
    return explain(load(options_), "services.web.environment." + key);
  }
};

TEST_F(Explain, EveryKindOfOrigin) {
  const std::string start = "services.web.environment.";
  EXPECT_EQ(of("LITERAL"), start + "LITERAL: \"here\"\n  compose.yaml:11:16: written here\n");
  EXPECT_EQ(of("FROM_ANCHOR"), start +
                                   "FROM_ANCHOR: \"a\"\n  compose.yaml:1:33: written here\n"
                                   "  compose.yaml:10:7: through this merge key\n");
  EXPECT_EQ(of("EXTENDED"),
            start +
                "EXTENDED: \"e\"\n  base.yaml:1:53: written here, in a file extended by "
                "compose.yaml:5:21\n  compose.yaml:5:14: through this extends\n");
  EXPECT_EQ(of("OVERRIDE"),
            start + "OVERRIDE: \"o\"\n  over.yaml:1:42: written here, in an override file\n");
  EXPECT_EQ(of("FILED"), start +
                             "FILED: \"1\"\n  app.env:2:1: in this env_file\n"
                             "  compose.yaml:6:15: named here\n");
  EXPECT_EQ(of("DOTENV"), start +
                              "DOTENV: \"d\"\n  compose.yaml:12:15: written here\n"
                              "  as written: ${IN_DOTENV}\n"
                              "  .env:2:1: IN_DOTENV comes from this .env\n");
  EXPECT_EQ(of("SHELL"), start +
                             "SHELL: \"pre-s\"\n  compose.yaml:13:14: written here\n"
                             "  as written: pre-${IN_SHELL:-never}\n"
                             "  IN_SHELL comes from the shell\n");
  EXPECT_EQ(of("FALLBACK"), start +
                                "FALLBACK: \"dflt\"\n  compose.yaml:14:17: written here\n"
                                "  as written: ${NOWHERE:-dflt}\n  NOWHERE: not set, the default "
                                "of the variable is used: dflt\n");
  EXPECT_EQ(of("PASSED"), start +
                              "PASSED: \"p\"\n  compose.yaml:15:7: written here\n"
                              "  PASSED comes from the shell\n");
}

TEST_F(Explain, OtherValues) {
  const Loaded loaded = load(options_);
  EXPECT_EQ(explain(loaded, "services.inc.image"),
            "services.inc.image: \"included\"\n"
            "  inc.yaml:1:25: written here, in a file included by compose.yaml:16:11\n");
  EXPECT_EQ(explain(loaded, "services.web.labels.FROM_ANCHOR"),
            "services.web.labels.FROM_ANCHOR: \"a\"\n  compose.yaml:1:33: written here\n"
            "  compose.yaml:8:13: through this alias of its anchor\n");
  EXPECT_EQ(explain(loaded, "services.web.ports[0].mode"),
            "services.web.ports[0].mode: \"ingress\"\n"
            "  built-in default, for what is written at compose.yaml:7:13\n");
  EXPECT_EQ(explain(loaded, "networks.default.name"),
            "networks.default.name: \"p_default\"\n  built-in default\n");
}

TEST_F(Explain, AWholeServiceAndNothing) {
  const Loaded loaded = load(options_);
  const std::string all = explain(loaded, "services.web");
  EXPECT_NE(all.find("services.web.image: \"x\""), std::string::npos);
  EXPECT_NE(all.find("services.web.environment.LITERAL"), std::string::npos);
  try {
    explain(loaded, "services.web.imgae");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.hint(), "did you mean \"image\"?");
  }
}

TEST(Variables, AreFoundWithTheirForms) {
  const auto found = variables_in("$A ${B:-x${C}} ${D:?no} ${E:+alt} $$F ${G-} $");
  ASSERT_EQ(found.size(), 6U);
  EXPECT_EQ(found[1].name, "B");
  EXPECT_EQ(found[1].default_value, "x${C}");
  EXPECT_EQ(found[2].name, "C");
  EXPECT_TRUE(found[3].required);
  EXPECT_EQ(found[4].presence_value, "alt");
  EXPECT_EQ(found[5].name, "G");
}

}  // namespace
}  // namespace spec
