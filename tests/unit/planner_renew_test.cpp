// What is made anew because somebody asked: containers, once, and their anonymous volumes.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "planner/one_off.hpp"
#include "planner/plan.hpp"
#include "unit/planner_support.hpp"

namespace {

using namespace planner;
using namespace planner_test;
using Texts = std::vector<std::string>;

constexpr const char* kVolume = "shop-web-1-";

// web mounts an anonymous volume and a named one, and depends on db.
StackBuilder shop_with_volumes() {
  StackBuilder build;
  build.attach("db", "default");
  build.attach("web", "default");
  build.volume("data");
  for (const char* source : {"", "data"}) {
    spec::Mount mount;
    mount.type = spec::MountType::Volume;
    mount.source = source;
    mount.target = *source == 0 ? "/scratch" : "/data";
    build.service("web").mounts.push_back(mount);
  }
  build.depends("web", "db");
  return build;
}

Texts texts_of(const Plan& plan) {
  Texts out;
  for (const Step& step : plan.steps) out.push_back(describe(step));
  return out;
}

ActualContainer& found_in(ActualState& actual, const std::string& name) {
  return *std::find_if(actual.containers.begin(), actual.containers.end(),
                       [&](const ActualContainer& each) { return each.name == name; });
}

TEST(Recreate, DependenciesOnlyWhenAsked) {
  const DesiredState desired = shop_with_volumes().desire();
  const ActualState actual = running(desired);
  DiffOptions options;
  options.services = {"web"};
  options.recreate_dependencies = true;
  EXPECT_EQ(texts_of(diff(desired, actual, options)), Texts{"container shop-db-1 replace"});
  options.force_recreate = true;
  EXPECT_EQ(texts_of(diff(desired, actual, options)),
            (Texts{"container shop-db-1 replace", "container shop-web-1 replace"}));
  options.no_deps = true;
  EXPECT_EQ(texts_of(diff(desired, actual, options)), Texts{"container shop-web-1 replace"});
}

TEST(Recreate, OnceHoweverOftenThePlanIsMade) {
  const DesiredState desired = shop_with_volumes().desire();
  ActualState actual = running(desired);
  const auto made = [](int seconds) {
    return std::chrono::system_clock::time_point(std::chrono::seconds(seconds));
  };
  for (ActualContainer& each : actual.containers) each.created_at = made(1);
  DiffOptions options;
  options.force_recreate = true;
  options.recreate_seen = {{"shop-db-1", made(1)}, {"shop-web-1", made(1)}};
  // Refused before anything was done.
  EXPECT_EQ(texts_of(diff(desired, actual, options)),
            (Texts{"container shop-db-1 replace", "container shop-web-1 replace"}));
  // Given up half-way: the other one is still owed.
  found_in(actual, "shop-db-1").created_at = made(2);
  EXPECT_EQ(texts_of(diff(desired, actual, options)), Texts{"container shop-web-1 replace"});
  // Not there at first.
  options.recreate_seen->erase("shop-web-1");
  EXPECT_TRUE(diff(desired, actual, options).empty());
}

TEST(Renew, AnonymousVolumesOfWhoIsMadeAnew) {
  StackBuilder build = shop_with_volumes();
  const DesiredState before = build.desire();
  const ActualState actual = running(before);
  DiffOptions options;
  options.renew_volumes = true;
  EXPECT_TRUE(diff(before, actual, options).empty()) << "nobody is made anew";
  build.service("web").environment["A"] = "1";
  const DesiredState desired = build.desire();
  EXPECT_TRUE(diff(desired, actual).step("container/shop-web-1")->renews.empty());
  const Plan plan = diff(desired, actual, options);
  ASSERT_EQ(texts_of(plan), Texts{"container shop-web-1 replace"});
  const Step& step = plan.steps.front();
  ASSERT_EQ(step.renews.size(), 1U);
  EXPECT_EQ(step.renews[0].rfind(kVolume, 0), 0U) << step.renews[0];
  EXPECT_EQ(step.reasons.back().text, "its anonymous volume at /scratch is made anew");
  const nlohmann::json json = plan;
  EXPECT_EQ(json.get<Plan>().steps.front().renews, step.renews);
  // One left by a container that has gone is no less old.
  ActualState gone = actual;
  erase_where(gone.containers, [](const ActualContainer& each) { return each.service == "web"; });
  EXPECT_EQ(diff(desired, gone, options).step("container/shop-web-1")->renews, step.renews);
  // One that is not there is made by its own step.
  EXPECT_TRUE(diff(desired, {}, options).step("container/shop-web-1")->renews.empty());
}

TEST(Remove, AnonymousVolumesGoWhenAsked) {
  const DesiredState desired = shop_with_volumes().desire();
  const ActualState actual = running(desired);
  DownOptions options;
  options.services = {"web"};
  const auto volumes = [&] {
    Texts out;
    for (const Step& step : plan_down(desired, actual, options).steps) {
      if (step.kind == Kind::Volume) out.push_back(step.target);
    }
    return out;
  };
  EXPECT_TRUE(volumes().empty());
  options.anonymous_volumes = true;
  ASSERT_EQ(volumes().size(), 1U) << "the named one stays";
  EXPECT_EQ(volumes()[0].rfind(kVolume, 0), 0U);
  options.services = {"db"};
  EXPECT_TRUE(volumes().empty());
}

TEST(Restart, DependantsOnlyWithoutNoDeps) {
  StackBuilder build = shop_with_volumes();
  build.service("web").depends_on[0].restart = true;
  const DesiredState desired = build.desire();
  const ActualState actual = running(desired);
  LifecycleOptions options;
  options.services = {"db"};
  EXPECT_EQ(texts_of(plan_lifecycle(desired, actual, options)),
            (Texts{"container shop-db-1 restart", "container shop-web-1 restart"}));
  options.no_deps = true;
  EXPECT_EQ(texts_of(plan_lifecycle(desired, actual, options)),
            Texts{"container shop-db-1 restart"});
}

}  // namespace
