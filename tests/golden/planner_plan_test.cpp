// (Stack, ActualState) → plan text, compared with tests/golden/planner/NAME.txt. UPDATE_GOLDEN=1
// rewrites them.
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/files.hpp"
#include "planner/plan.hpp"
#include "planner/pre_start.hpp"
#include "unit/planner_support.hpp"

namespace {

using namespace planner;
using namespace planner_test;

void expect_golden(const std::string& name, const std::string& text) {
  const std::string path = base::cat("tests/golden/planner/", name, ".txt");
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {
    base::write_atomic(path, text, {0644, false});
    return;
  }
  EXPECT_EQ(text, base::try_read_file(path).value_or("(no such file)"))
      << "UPDATE_GOLDEN=1 rewrites " << path;
}

StackBuilder shop() {
  StackBuilder build;
  build.network("back").internal = true;
  build.volume("data");
  build.attach("db", "back");
  spec::Mount mount;
  mount.source = "data";
  mount.target = "/var/lib/db";
  build.service("db").mounts.push_back(mount);
  build.attach("web", "default");
  build.attach("web", "back");
  build.service("web").replicas = 2;
  build.service("web").environment["GREETING"] = "hello";
  build.publish("web", 8080, 2, 80);
  build.depends("web", "db", spec::Condition::Healthy);
  return build;
}

TEST(PlanText, FirstUp) {
  expect_golden("first-up", to_text(diff(shop().desire(), {})));
}

TEST(PlanText, Nothing) {
  const DesiredState desired = shop().desire();
  expect_golden("nothing", to_text(diff(desired, running(desired))));
}

TEST(PlanText, OneValueChanged) {
  StackBuilder build = shop();
  const ActualState actual = running(build.desire());
  build.service("web").environment["GREETING"] = "hi";
  build.service("web").environment["API_TOKEN"] = "t0p";
  build.service("web").labels["tier"] = "front";
  build.service("db").limits.memory = 256U << 20U;
  expect_golden("one-value-changed", to_text(diff(build.desire(), actual)));
}

DesiredState with_steps_of(StackBuilder build) {
  add_steps(build.stack);
  DesiredState out = build.desire();
  mark_steps(out);
  return out;
}

StackBuilder shop_with_steps() {
  StackBuilder build = shop();
  spec::Hook migrate, warm;
  migrate.command = {"migrate"};
  warm.command = {"warm"};
  warm.per_replica = true;
  build.service("web").extras.pre_start = {migrate, warm};
  return build;
}

TEST(PlanText, PreStart) {
  expect_golden("pre-start", to_text(diff(with_steps_of(shop_with_steps()), {})));
}

TEST(PlanText, PreStartChanged) {
  StackBuilder build = shop_with_steps();
  ActualState actual = running(with_steps_of(build));
  for (ActualContainer& each : actual.containers) {
    if (each.name.find("pre_start") == std::string::npos) continue;
    each.status = ContainerStatus::Exited;
    each.exit.known = true;
  }
  build.service("web").extras.pre_start.front().command = {"migrate", "--all"};
  expect_golden("pre-start-changed", to_text(diff(with_steps_of(build), actual)));
}

TEST(PlanText, OneSecretChanged) {
  StackBuilder build = shop();
  const auto give = [&](std::map<std::string, spec::FileObject>& objects, const char* content) {
    objects["word"].key = "word";
    objects["word"].content = content;
  };
  give(build.stack.secrets, "one");
  give(build.stack.configs, "one");
  build.service("db").extras.secrets = {{"word", "/run/secrets/word", "", "", {}, {}}};
  build.service("web").extras.configs = {{"word", "", "", "", {}, {}}};
  const ActualState actual = running(build.desire());
  give(build.stack.secrets, "two");
  give(build.stack.configs, "two");
  build.service("web").extras.configs.front().mode = 0400;
  expect_golden("one-secret-changed", to_text(diff(build.desire(), actual)));
}

TEST(PlanText, ScaledDownWithOrphans) {
  StackBuilder build = shop();
  build.service("old");
  const ActualState actual = running(build.desire());
  build.stack.services.erase("old");
  build.service("web").replicas = 1;
  expect_golden("scaled-down", to_text(diff(build.desire(), actual)));
}

TEST(PlanText, Drift) {
  const DesiredState desired = shop().desire();
  ActualState actual = running(desired);
  actual.containers.front().status = ContainerStatus::Exited;
  actual.containers.front().exit.known = true;
  actual.containers.front().exit.code = 137;
  actual.containers.front().exit.oom_killed = true;
  actual.fabric.endpoints.front().bridge.clear();
  actual.fabric.endpoints.pop_back();
  actual.fabric.ports.clear();
  actual.fabric.bridges.front().addresses.clear();
  expect_golden("drift", to_text(diff(desired, actual)));
}

TEST(PlanText, Down) {
  const DesiredState desired = shop().desire();
  DownOptions options;
  options.volumes = true;
  expect_golden("down", to_text(plan_down(desired, running(desired), options)));
}

TEST(PlanText, Stop) {
  const DesiredState desired = shop().desire();
  expect_golden("stop", to_text(plan_stop(desired, running(desired))));
}

}  // namespace
