// Steps of pre_start in plans: what they are made of, and when they run.
#include <gtest/gtest.h>

#include <algorithm>

#include "planner/plan.hpp"
#include "planner/pre_start.hpp"
#include "unit/planner_support.hpp"

namespace {

using namespace planner;
using namespace planner_test;
using Texts = std::vector<std::string>;
using Time = std::chrono::system_clock::time_point;

constexpr const char* kFirst = "shop-web-pre_start-1";
constexpr const char* kSecond = "shop-web-pre_start-2";

spec::Hook hook(std::vector<std::string> command) {
  spec::Hook out;
  out.command = std::move(command);
  return out;
}

StackBuilder shop_with_hooks() {
  StackBuilder build;
  build.volume("data");
  build.attach("db", "default");
  build.attach("web", "default");
  build.depends("web", "db", spec::Condition::Started);
  spec::Service& web = build.service("web");
  web.user.value = "1000";
  web.environment["A"] = "1";
  web.networks.front().aliases = {"www"};
  spec::Mount mount;
  mount.source = "data";
  mount.target = "/data";
  web.mounts.push_back(mount);
  web.extras.pre_start = {hook({"migrate"}), hook({"seed"})};
  return build;
}

World world() {
  World out = StackBuilder::world();
  ImageFacts tools;
  tools.id = "sha256:tools";
  tools.entrypoint = {"/bin/tool"};
  tools.user = "toolman";
  tools.volumes = {"/scratch"};
  out.images.emplace("tools", tools);
  return out;
}

DesiredState desire_all(const StackBuilder& build) {
  StackBuilder copy = build;
  add_steps(copy.stack);
  DesiredState out = copy.desire(world());
  mark_steps(out);
  return out;
}

Texts containers_of(const Plan& plan) {
  Texts out;
  for (const Step& step : plan.steps) {
    if (step.kind == Kind::Container) out.push_back(describe(step));
  }
  return out;
}

std::string reason(const Plan& plan, const std::string& container) {
  const Step* step = plan.step("container/" + container);
  return step == nullptr ? "" : step->reasons.front().text;
}

// As the stack is some time after a plan: its steps have succeeded, before the replicas were made.
void settle(ActualState& actual, const DesiredState& desired, int minute = 1) {
  for (ActualContainer& each : actual.containers) {
    const Container* container = desired.container(each.name);
    if (container == nullptr || each.created_at != Time{}) continue;
    each.step = container->step;
    each.created_at = Time(std::chrono::minutes(minute + (each.step == 0 ? 1 : 0)));
    if (each.step == 0) continue;
    each.status = ContainerStatus::Exited;
    each.exit.known = true;
  }
}

ActualState up(const StackBuilder& build) {
  const DesiredState desired = desire_all(build);
  ActualState out = running(desired);
  settle(out, desired);
  return out;
}

ActualContainer& find(ActualState& actual, const std::string& name) {
  return *std::find_if(actual.containers.begin(), actual.containers.end(),
                       [&](const ActualContainer& each) { return each.name == name; });
}

Plan plan_of(const StackBuilder& build, const ActualState& actual,
             const DiffOptions& options = {}) {
  return diff(desire_all(build), actual, options);
}

TEST(PreStart, AStepIsAContainerOfItsService) {
  StackBuilder build = shop_with_hooks();
  spec::Hook tools = hook({});
  tools.image = "tools";
  tools.environment["A"] = "2";
  tools.privileged = true;
  tools.working_dir = "/work";
  build.service("web").extras.pre_start.push_back(tools);
  const DesiredState desired = desire_all(build);
  EXPECT_EQ(desired.services, (Texts{"db", "web"}));
  const Container* first = desired.container(kFirst);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->service, "web");
  EXPECT_EQ(first->step, 1U);
  EXPECT_EQ(first->argv, Texts{"migrate"});
  EXPECT_EQ(first->user, "1000") << "of the service, whose image it has";
  EXPECT_EQ(first->mounts.front().source, "shop_data");
  EXPECT_FALSE(first->mounts.front().nocopy);
  EXPECT_EQ(first->endpoints.front().aliases, Texts{kFirst});
  EXPECT_EQ(first->labels.at("com.docker.compose.hook"), "pre_start");
  EXPECT_TRUE(first->ports.empty());
  const Container* third = desired.container("shop-web-pre_start-3");
  ASSERT_NE(third, nullptr);
  EXPECT_EQ(third->argv, Texts{"/bin/tool"}) << "what the image says";
  EXPECT_EQ(third->user, "toolman");
  EXPECT_EQ(third->working_dir, "/work");
  EXPECT_TRUE(third->privileged);
  EXPECT_TRUE(third->mounts.front().nocopy);
  EXPECT_EQ(third->mounts.size(), 1U) << "/scratch is a folder of its own files";
  EXPECT_NE(std::find(third->environment.begin(), third->environment.end(), "A=2"),
            third->environment.end());
  EXPECT_EQ(desired.volumes.size(), 1U);
}

TEST(PreStart, OneAfterTheOther) {
  const Plan plan = plan_of(shop_with_hooks(), {});
  EXPECT_EQ(containers_of(plan),
            (Texts{"container shop-db-1 create", "container shop-web-pre_start-1 create",
                   "container shop-web-pre_start-2 create", "container shop-web-1 create"}));
  const auto waits = [&plan](const std::string& name) {
    Texts out;
    for (const Wait& wait : plan.step("container/" + name)->waits) {
      out.push_back(wait.container);
      if (wait.container != "shop-db-1") {
        EXPECT_EQ(wait.condition, spec::Condition::CompletedSuccessfully);
      }
    }
    return out;
  };
  EXPECT_EQ(waits(kFirst), Texts{"shop-db-1"});
  EXPECT_EQ(waits(kSecond), (Texts{"shop-db-1", kFirst}));
  EXPECT_EQ(waits("shop-web-1"), (Texts{"shop-db-1", kSecond}));
}

TEST(PreStart, NothingRunsTwice) {
  ActualState actual = up(shop_with_hooks());
  EXPECT_EQ(containers_of(plan_of(shop_with_hooks(), actual)), Texts{});
  const DesiredState recorded = desire_all(shop_with_hooks());
  EXPECT_TRUE(plan_reconcile(recorded, actual).empty());
  // Nor because the service is started again, or something else of it changes in place.
  find(actual, "shop-web-1").status = ContainerStatus::Exited;
  EXPECT_EQ(containers_of(plan_of(shop_with_hooks(), actual)), Texts{"container shop-web-1 start"});
  EXPECT_EQ(containers_of(plan_start(recorded, actual)), Texts{"container shop-web-1 start"});
  find(actual, "shop-web-1").status = ContainerStatus::Running;
  StackBuilder build = shop_with_hooks();
  build.service("web").labels["tier"] = "front";
  EXPECT_EQ(containers_of(plan_of(build, actual)), Texts{"container shop-web-1 update"});
  // `rm` took them away.
  std::erase_if(actual.containers, [](const ActualContainer& each) { return each.step != 0; });
  EXPECT_EQ(containers_of(plan_of(shop_with_hooks(), actual)), Texts{});
}

TEST(PreStart, AnotherDefinitionMakesTheServiceAnew) {
  const ActualState actual = up(shop_with_hooks());
  StackBuilder build = shop_with_hooks();
  build.service("web").extras.pre_start.back() = hook({"seed", "--more"});
  const Plan plan = plan_of(build, actual);
  EXPECT_EQ(containers_of(plan),
            (Texts{"container shop-web-pre_start-1 replace",
                   "container shop-web-pre_start-2 replace", "container shop-web-1 replace"}));
  EXPECT_EQ(reason(plan, kFirst), "service web is made anew");
  EXPECT_EQ(reason(plan, kSecond), "command/entrypoint changed");
  EXPECT_EQ(reason(plan, "shop-web-1"), "pre_start changed");

  build.service("web").extras.pre_start.pop_back();
  EXPECT_EQ(containers_of(plan_of(build, actual)),
            (Texts{"container shop-web-pre_start-2 remove",
                   "container shop-web-pre_start-1 replace", "container shop-web-1 replace"}));
  build.service("web").extras.pre_start.clear();
  EXPECT_EQ(containers_of(plan_of(build, actual)),
            (Texts{"container shop-web-pre_start-1 remove", "container shop-web-pre_start-2 remove",
                   "container shop-web-1 replace"}));
}

TEST(PreStart, ARoundThatWasCutShortGoesOn) {
  ActualState actual = up(shop_with_hooks());
  StackBuilder build = shop_with_hooks();
  build.service("web").environment["A"] = "other";
  const DesiredState desired = desire_all(build);
  // The steps have run for the new one, and then the machine went down.
  const Plan plan = diff(desired, actual);
  for (const Step& step : plan.steps) {
    if (step.target != "shop-web-1") apply_step(plan, step, actual);
  }
  settle(actual, desired, 10);
  EXPECT_EQ(containers_of(diff(desired, actual)), Texts{"container shop-web-1 replace"});
  // One that is at work is waited for.
  find(actual, kSecond).status = ContainerStatus::Running;
  const Plan rest = diff(desired, actual);
  EXPECT_EQ(containers_of(rest), Texts{"container shop-web-1 replace"});
  EXPECT_EQ(rest.step("container/shop-web-1")->waits.back().container, kSecond);
  // One that has failed runs again, before the old one is ended.
  find(actual, kSecond).status = ContainerStatus::Exited;
  find(actual, kSecond).exit.code = 3;
  const Plan again = diff(desired, actual);
  EXPECT_EQ(containers_of(again),
            (Texts{"container shop-web-pre_start-2 replace", "container shop-web-1 replace"}));
  EXPECT_EQ(reason(again, kSecond), "has failed (exit code 3)");
  EXPECT_EQ(containers_of(plan_reconcile(desired, actual)), containers_of(again));
}

TEST(PreStart, AFailedStepRunsAgainAndWhatFollowsIt) {
  ActualState actual = up(shop_with_hooks());
  std::erase_if(actual.containers, [](const auto& each) { return each.name == "shop-web-1"; });
  EXPECT_EQ(containers_of(plan_of(shop_with_hooks(), actual)),
            Texts{"container shop-web-1 create"});
  find(actual, kFirst).exit.known = false;
  const Plan plan = plan_of(shop_with_hooks(), actual);
  EXPECT_EQ(containers_of(plan),
            (Texts{"container shop-web-pre_start-1 replace",
                   "container shop-web-pre_start-2 replace", "container shop-web-1 create"}));
  EXPECT_EQ(reason(plan, kSecond), "step 1 runs again");
}

TEST(PreStart, ReplicasThatJoin) {
  StackBuilder build = shop_with_hooks();
  build.service("web").extras.pre_start.back().per_replica = true;
  build.service("web").network_mode.kind = spec::NetworkModeKind::None;  // no address to keep
  const ActualState one = up(build);
  build.service("web").replicas = 2;
  const Plan plan = plan_of(build, one);
  EXPECT_EQ(containers_of(plan),
            (Texts{"container shop-web-2-pre_start-2 create", "container shop-web-2 create"}));
  EXPECT_EQ(plan.step("container/shop-web-2")->waits.back().container, "shop-web-2-pre_start-2");
  const DesiredState desired = desire_all(build);
  EXPECT_EQ(desired.container("shop-web-1")->depends_on.back().container, "shop-web-1-pre_start-2");
  EXPECT_EQ(desired.container("shop-web-2-pre_start-2")->index, 2U);
  // One for all behind it does not run again for a replica that joins.
  StackBuilder more = build;
  more.service("web").replicas = 1;
  more.service("web").extras.pre_start.push_back(hook({"last"}));
  const ActualState before = up(more);
  more.service("web").replicas = 2;
  EXPECT_EQ(containers_of(plan_of(more, before)),
            (Texts{"container shop-web-2-pre_start-2 create", "container shop-web-2 create"}));
  const ActualState two = up(build);
  build.service("web").replicas = 1;
  const Texts down = containers_of(plan_of(build, two));
  EXPECT_EQ(down,
            (Texts{"container shop-web-2-pre_start-2 remove", "container shop-web-2 remove"}));
}

TEST(PreStart, AVolumeWithoutANameIsItsReplicas) {
  StackBuilder build = shop_with_hooks();
  spec::Mount mount;
  mount.target = "/own";
  build.service("web").mounts.push_back(mount);
  const auto has = [](const DesiredState& desired, const std::string& name) {
    const Container* step = desired.container(name);
    const Container* replica = desired.container("shop-web-1");
    return std::any_of(step->mounts.begin(), step->mounts.end(), [&](const MountSpec& each) {
      return each.target == "/own" && each.source == replica->mounts.back().source;
    });
  };
  EXPECT_FALSE(has(desire_all(build), kFirst));
  build.service("web").extras.pre_start.front().per_replica = true;
  EXPECT_TRUE(has(desire_all(build), "shop-web-1-pre_start-1"));
  EXPECT_EQ(desire_all(build).volumes.size(), 2U);
}

TEST(PreStart, CreateAndThenStart) {
  const DesiredState desired = desire_all(shop_with_hooks());
  ActualState actual;
  actual.supervisor_alive = true;
  const Plan made = diff(desired, actual, {.no_start = true});
  EXPECT_EQ(containers_of(made),
            (Texts{"container shop-db-1 prepare", "container shop-web-1 prepare"}));
  actual = apply(made, actual);
  settle(actual, desired);
  EXPECT_TRUE(plan_reconcile(desired, actual).empty());
  EXPECT_EQ(containers_of(plan_start(desired, actual)),
            (Texts{"container shop-db-1 start", "container shop-web-pre_start-1 create",
                   "container shop-web-pre_start-2 create", "container shop-web-1 start"}));
}

TEST(PreStart, OtherServicesStartFirst) {
  const DesiredState desired = desire_all(shop_with_hooks());
  const ActualState made = apply(diff(desired, ActualState{}, {.no_start = true}), ActualState{});
  const Plan plan = plan_start(desired, made, {"db"});
  EXPECT_EQ(containers_of(plan), Texts{"container shop-db-1 start"});
  EXPECT_NE(plan.desired.container(kFirst), nullptr) << "is still to come";
}

TEST(PreStart, LifecycleIsTheReplicas) {
  const DesiredState desired = desire_all(shop_with_hooks());
  ActualState actual = up(shop_with_hooks());
  find(actual, kSecond).status = ContainerStatus::Running;
  EXPECT_EQ(containers_of(plan_lifecycle(desired, actual, {.services = {"web"}})),
            Texts{"container shop-web-1 restart"});
  EXPECT_EQ(containers_of(plan_stop(desired, actual)).size(), 3U) << "one at work is ended";
  EXPECT_EQ(containers_of(plan_down(desired, actual)).size(), 4U);
}

TEST(PreStart, OnlyChosenServices) {
  StackBuilder build = shop_with_hooks();
  build.service("other");
  const Plan plan = plan_of(build, {}, {.services = {"web"}, .no_deps = true});
  EXPECT_EQ(containers_of(plan),
            (Texts{"container shop-web-pre_start-1 create", "container shop-web-pre_start-2 create",
                   "container shop-web-1 create"}));
  EXPECT_EQ(with_steps(
                [&] {
                  StackBuilder copy = build;
                  add_steps(copy.stack);
                  return copy.stack;
                }(),
                {"web"}),
            (Texts{"web", "web pre_start 1", "web pre_start 2"}));
  EXPECT_EQ(containers_of(plan_of(build, {}, {.services = {"other"}})),
            Texts{"container shop-other-1 create"});
}

}  // namespace
