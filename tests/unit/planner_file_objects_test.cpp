// Configs and secrets.
#include <gtest/gtest.h>

#include "base/json.hpp"
#include "planner/file_objects.hpp"
#include "planner/plan.hpp"
#include "unit/planner_support.hpp"

namespace {

using namespace planner;
using namespace planner_test;
using Texts = std::vector<std::string>;

spec::FileObject object(const std::string& key, const std::string& content) {
  spec::FileObject out;
  out.key = key;
  out.content = content;
  return out;
}

StackBuilder with_files() {
  StackBuilder build;
  build.stack.secrets["token"] = object("token", "one");
  build.stack.secrets["tls"].key = "tls";
  build.stack.secrets["tls"].file = "/srv/tls.key";
  build.stack.configs["motd"] = object("motd", "hello");
  spec::ServiceExtras& web = build.service("web").extras;
  web.secrets = {{"token", "/run/secrets/token", "", "", {}, {}},
                 {"tls", "short", "", "", {}, {}},
                 {"tls", "/tls", "7", "8", 0400, {}}};
  web.configs = {{"motd", "", "", "", {}, {}}, {"motd", "etc/../motd.txt", "", "", {}, {}}};
  return build;
}

World with_file(const std::string& problem = {}) {
  World out = StackBuilder::world();
  out.files["/srv/tls.key"] = {problem, "a2V5"};
  return out;
}

TEST(Files, OfAService) {
  const DesiredState desired = with_files().desire(with_file());
  const Container& web = only(desired);
  EXPECT_EQ(web.configs, (std::vector<FileSpec>{{"motd", "/motd", "", "aGVsbG8="},
                                                {"motd", "/motd.txt", "", "aGVsbG8="}}));
  EXPECT_EQ(web.secrets, (std::vector<FileSpec>{{"token", "/run/secrets/token", "", "b25l"},
                                                {"tls", "/run/secrets/short", "/srv/tls.key", ""},
                                                {"tls", "/tls", "", "a2V5", 0400, 7, 8}}));
}

TEST(Files, WhatIsWrong) {
  const struct {
    void (*change)(spec::Stack& stack, spec::ServiceExtras& web);
    const char* said;
  } cases[] = {
      {[](auto& stack, auto&) { stack.secrets["token"].external = true; },
       R"(unsupported external secret "token" of service "web")"},
      {[](auto& stack, auto&) { stack.secrets["token"].driver = "vault"; },
       R"(secret "token" has a driver, which only a swarm has)"},
      {[](auto& stack, auto&) {
         stack.configs["motd"].environment = "MOTD";
         stack.configs["motd"].is_unset = true;
       },
       R"(environment variable "MOTD" required by config "motd" is not set)"},
      {[](auto& stack, auto&) { stack.secrets["token"].content.assign(512001, 'x'); },
       R"(secret "token" is larger than 512000 bytes)"},
      {[](auto&, auto& web) { web.secrets[2].gid = "wheel"; },
       R"(service "web": secret "tls": gid "wheel" is not a number)"},
      {[](auto&, auto& web) { web.secrets[1].target = "/tls"; },
       R"(service "web": two mounts at /tls)"},
      {[](auto&, auto& web) { web.configs[0].target = "/"; },
       R"(service "web": config "motd" cannot be at /)"},
  };
  for (const auto& each : cases) {
    StackBuilder build = with_files();
    build.service("web").replicas = 2;
    each.change(build.stack, build.service("web").extras);
    const Texts said = errors_of(build, with_file());
    ASSERT_FALSE(said.empty()) << each.said;
    EXPECT_EQ(said.front(), each.said);
  }
  EXPECT_EQ(errors_of(with_files(), with_file("does not exist")),
            Texts{R"(secret "tls": /srv/tls.key does not exist)"});
}

TEST(Files, WhatTheyHoldIsInNoPlanThatIsShown) {
  const Plan plan = diff(with_files().desire(with_file()), {});
  EXPECT_NE(nlohmann::json(plan).dump().find("b25l"), std::string::npos);
  EXPECT_EQ(nlohmann::json(without_contents(plan)).dump().find("b25l"), std::string::npos);
}

TEST(Files, OfAServiceThatIsNotAskedForStayAsRecorded) {
  World world = with_file("does not exist");
  const FileSpec known{"token", "/run/secrets/token", "", "b2xk"};
  world.aside["web"].secrets = {known};
  const DesiredState desired = with_files().desire(world);
  EXPECT_EQ(only(desired).secrets, std::vector<FileSpec>{known});
  EXPECT_TRUE(only(desired).configs.empty());
}

}  // namespace
