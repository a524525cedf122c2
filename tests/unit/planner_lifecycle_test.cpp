// Plans that take down, stop, start, make without starting, and mend.
#include <gtest/gtest.h>

#include "planner/changes.hpp"
#include "planner/plan.hpp"
#include "unit/planner_support.hpp"

namespace {

using namespace planner;
using namespace planner_test;
using Texts = std::vector<std::string>;

TEST(Down, DependantsFirst) {
  const DesiredState desired = shop().desire();
  const Plan plan = plan_down(desired, running(desired));
  EXPECT_EQ(
      steps_of(plan),
      (Texts{"container/shop-web-1 remove", "container/shop-web-2 remove",
             "container/shop-db-1 remove", "ports/shop remove",
             "endpoint/shop-db-1/shop_back remove", "endpoint/shop-web-1/shop_back remove",
             "endpoint/shop-web-1/shop_default remove", "endpoint/shop-web-2/shop_back remove",
             "endpoint/shop-web-2/shop_default remove", "network/shop_back remove",
             "network/shop_default remove"}));
  EXPECT_EQ(plan.step("container/shop-db-1")->after,
            (Texts{"container/shop-web-1", "container/shop-web-2"}));
  EXPECT_TRUE(plan.step("container/shop-web-2")->after.empty());
  EXPECT_TRUE(plan.forget);
  DownOptions options;
  options.volumes = true;
  EXPECT_NE(plan_down(desired, running(desired), options).step("volume/shop_data"), nullptr);
}

TEST(Down, ChosenServicesLeaveTheRest) {
  const DesiredState desired = shop().desire();
  DownOptions options;
  options.services = {"db"};
  const Plan plan = plan_down(desired, running(desired), options);
  EXPECT_EQ(steps_of(plan),
            (Texts{"container/shop-db-1 remove", "endpoint/shop-db-1/shop_back remove"}));
  EXPECT_FALSE(plan.forget);
  options.services = {"web"};
  EXPECT_EQ(plan_down(desired, running(desired), options).step("ports/shop")->action,
            Action::Remove);
}

TEST(Down, OrphansKeepTheirNetworkAndVolume) {
  StackBuilder build = shop();
  ActualState actual = running(build.desire());
  build.stack.services.erase("web");
  const DesiredState recorded = build.desire();
  const Plan plan = plan_down(recorded, actual);
  EXPECT_EQ(plan.orphans, (Texts{"shop-web-1", "shop-web-2"}));
  EXPECT_EQ(plan.step("network/shop_back"), nullptr);
  EXPECT_FALSE(plan.forget);
  DownOptions options;
  options.remove_orphans = true;
  EXPECT_NE(plan_down(recorded, actual, options).step("network/shop_back"), nullptr);
}

TEST(Down, ExternalThingsStay) {
  StackBuilder build;
  build.network("edge").external = true;
  build.volume("data").external = true;
  build.attach("web", "edge");
  World world = StackBuilder::world();
  world.networks["shop_edge"].subnets = {cidr("10.7.0.1/24")};
  const DesiredState desired = build.desire(world);
  ActualState actual = running(desired);
  actual.volumes.push_back({"shop_data"});
  DownOptions options;
  options.volumes = true;
  EXPECT_EQ(steps_of(plan_down(desired, actual, options)),
            (Texts{"container/shop-web-1 remove", "endpoint/shop-web-1/shop_edge remove",
                   "network/shop_default remove"}));
}

TEST(Stop, RunningOnesInReverseOrder) {
  const DesiredState desired = shop().desire();
  ActualState actual = running(desired);
  for (auto& container : actual.containers) {
    if (container.name == "shop-web-1") container.status = ContainerStatus::Exited;
  }
  EXPECT_EQ(steps_of(plan_stop(desired, actual)),
            (Texts{"container/shop-web-2 stop", "container/shop-db-1 stop", "ports/shop remove"}));
  EXPECT_EQ(steps_of(plan_stop(desired, actual, {"db"})), Texts{"container/shop-db-1 stop"});
}

// What `stop` leaves: the model does not know who stopped.
ActualState stopped(const DesiredState& desired, const std::string& service) {
  ActualState out = running(desired);
  out = apply(plan_stop(desired, out, {service}), out);
  for (auto& container : out.containers) {
    if (container.service == service) container.stopped_by_user = container.exit.known = true;
  }
  return out;
}

TEST(Stop, TakesPublishedPortsBackUntilTheStart) {
  StackBuilder build = shop();
  build.service("web").depends_on.clear();
  build.service("web").restart.mode = spec::RestartMode::Always;
  build.publish("db", 5432, 1, 5432);
  build.network("back").internal = false;
  const DesiredState desired = build.desire();
  const Plan plan = plan_stop(desired, running(desired), {"web"});
  const Step& last = plan.steps.back();
  EXPECT_EQ(describe(last), "ports shop update");
  EXPECT_EQ(last.after.size(), 2U) << "when all have ended";
  EXPECT_EQ(plan.ports, desired.container("shop-db-1")->ports);

  const ActualState actual = stopped(desired, "web");
  DiffOptions options;
  options.recorded = &desired;
  EXPECT_TRUE(plan_reconcile(desired, actual).empty());
  EXPECT_TRUE(plan_stop(desired, actual, {"web"}).empty());
  options.services = {"db"};
  EXPECT_TRUE(diff(desired, actual, options).empty());
  DownOptions removal;
  removal.services = {"db"};
  EXPECT_TRUE(plan_down(desired, actual, removal).ports.empty()) << "what was stopped stays so";
  options.services = {};
  const Plan up = diff(desired, actual, options);
  EXPECT_EQ(steps_of(up), (Texts{"ports/shop update", "container/shop-web-1 start",
                                 "container/shop-web-2 start"}));
  EXPECT_EQ(up.ports.size(), 3U);
  EXPECT_EQ(up.steps[0].reasons[0].text, "0.0.0.0:8080/tcp → 172.17.0.3:80 added") << "no drift";
  EXPECT_EQ(plan_start(desired, actual, {"web"}).ports, up.ports);
  const Plan restart = plan_lifecycle(desired, actual, {Action::Restart, {"web"}, 0});
  EXPECT_EQ(restart.steps.front().id, "ports/shop");
  EXPECT_EQ(restart.ports, up.ports);
  EXPECT_EQ(plan_lifecycle(desired, actual, {Action::Restart, {"db"}, 0}).step("ports/shop"),
            nullptr);
  // A stop that was cut short before its last step.
  ActualState halfway = actual;
  halfway.fabric.ports = up.ports;
  EXPECT_EQ(steps_of(plan_stop(desired, halfway, {"web"})), Texts{"ports/shop update"});
  EXPECT_TRUE(plan_reconcile(desired, halfway).empty()) << "left as they are";
}

TEST(Lifecycle, StartsWhatIsThereInOrderAndCreatesNothing) {
  const DesiredState desired = shop().desire();
  ActualState actual = running(desired);
  EXPECT_EQ(steps_of(plan_start(desired, actual)), Texts{});
  for (auto& container : actual.containers) {
    if (container.name != "shop-web-1") container.status = ContainerStatus::Exited;
  }
  std::erase_if(actual.containers, [](const auto& c) { return c.name == "shop-web-2"; });
  const Plan plan = plan_start(desired, actual);
  EXPECT_EQ(steps_of(plan), Texts{"container/shop-db-1 start"});
  EXPECT_EQ(plan.ports.size(), 2U) << "ports of what is not there stay wished for";
}

TEST(Lifecycle, RestartsDependenciesFirst) {
  const DesiredState desired = shop().desire();
  const ActualState actual = running(desired);
  const Plan plan = plan_lifecycle(desired, actual, {Action::Restart, {}, 0});
  ASSERT_EQ(plan.steps.size(), 3U);
  EXPECT_EQ(plan.steps[0].id, "container/shop-db-1");
  EXPECT_EQ(plan.step("container/shop-web-2")->after, Texts{"container/shop-db-1"});
  EXPECT_EQ(steps_of(plan_lifecycle(desired, actual, {Action::Restart, {"web"}, 0})),
            (Texts{"container/shop-web-2 restart", "container/shop-web-1 restart"}));
}

TEST(Lifecycle, OnlyWhatTheActionCanBeDoneTo) {
  const DesiredState desired = shop().desire();
  ActualState actual = running(desired);
  for (auto& container : actual.containers) {
    if (container.name == "shop-web-1") container.status = ContainerStatus::Exited;
    if (container.name == "shop-web-2") container.status = ContainerStatus::Paused;
  }
  const auto steps = [&](Action action) {
    return steps_of(plan_lifecycle(desired, actual, {action, {}, 15}));
  };
  EXPECT_EQ(steps(Action::Pause), Texts{"container/shop-db-1 pause"});
  EXPECT_EQ(steps(Action::Unpause), Texts{"container/shop-web-2 unpause"});
  EXPECT_EQ(steps(Action::Signal),
            (Texts{"container/shop-db-1 signal", "container/shop-web-2 signal"}));
}

TEST(NoStart, MakesEverythingAndStartsNothing) {
  StackBuilder build = shop();
  const DesiredState desired = build.desire();
  DiffOptions options;
  options.no_start = true;
  const Plan plan = diff(desired, ActualState{}, options);
  EXPECT_EQ(plan.step("container/shop-web-1")->action, Action::Prepare);
  EXPECT_TRUE(plan.step("container/shop-web-1")->waits.empty()) << "nothing would ever be met";
  EXPECT_NE(plan.step("volume/shop_data"), nullptr);
  ActualState actual = apply(plan, ActualState{});
  EXPECT_TRUE(diff(desired, actual, options).empty());
  EXPECT_TRUE(plan_reconcile(desired, actual).empty()) << "nobody asked for a start yet";
  EXPECT_EQ(steps_of(plan_start(desired, actual)),
            (Texts{"container/shop-db-1 start", "container/shop-web-1 start",
                   "container/shop-web-2 start"}));

  actual = running(desired);
  build.service("db").environment["A"] = "1";
  EXPECT_EQ(steps_of(diff(build.desire(), actual, options)), Texts{"container/shop-db-1 prepare"});
}

TEST(NoRecreate, LeavesWhatIsThere) {
  StackBuilder build = shop();
  ActualState actual = running(build.desire());
  actual.containers[0].status = ContainerStatus::Exited;
  build.service("web").environment["A"] = "1";
  build.service("web").replicas = 3;
  build.service("web").ports[0].published_count = 3;
  DiffOptions options;
  options.no_recreate = true;
  const Plan plan = diff(build.desire(), actual, options);
  EXPECT_EQ(plan.step("container/shop-db-1")->action, Action::Start);
  EXPECT_EQ(plan.step("container/shop-web-1"), nullptr);
  EXPECT_EQ(plan.step("container/shop-web-3")->action, Action::Create);
  const DesiredState recorded = shop().desire();
  options.recorded = &recorded;
  const DesiredState desired = build.desire(known(recorded));
  const Plan kept = diff(desired, running(recorded), options);
  EXPECT_EQ(*kept.desired.container("shop-web-1"), *recorded.container("shop-web-1"));
  EXPECT_EQ(*kept.desired.container("shop-web-3"), *desired.container("shop-web-3"));
  EXPECT_TRUE(plan_reconcile(kept.desired, apply(kept, running(recorded))).empty());
}

TEST(Reconcile, LeavesWhoWouldWaitInVain) {
  for (const auto condition : {spec::Condition::Started, spec::Condition::Healthy}) {
    StackBuilder build;
    for (const char* name : {"db", "web", "last"}) {
      build.service(name).restart.mode = spec::RestartMode::Always;
    }
    build.depends("web", "db", condition);
    build.depends("last", "web", condition);
    const DesiredState desired = build.desire();
    const Plan nothing_there = plan_reconcile(desired, ActualState{}, {"shop-db-1"});
    for (const char* name :
         {"container/shop-db-1", "container/shop-web-1", "container/shop-last-1"}) {
      EXPECT_EQ(nothing_there.step(name), nullptr) << name;
    }
    ActualState actual = running(desired);
    for (auto& container : actual.containers) {
      container.status = ContainerStatus::Exited;
      container.exit.known = true;
    }
    const bool starts = condition == spec::Condition::Started;  // it has been, once
    EXPECT_EQ(
        steps_of(plan_reconcile(desired, actual, {"shop-db-1"})),
        starts ? (Texts{"container/shop-web-1 start", "container/shop-last-1 start"}) : Texts{});
    EXPECT_EQ(steps_of(plan_reconcile(desired, actual)).size(), 3U);
  }
}

TEST(Reconcile, LeavesEndedWhatIsToStayEnded) {
  StackBuilder build = shop();
  build.service("web").restart.mode = spec::RestartMode::UnlessStopped;
  build.service("db").restart.mode = spec::RestartMode::No;
  const DesiredState desired = build.desire();
  ActualState actual = running(desired);
  for (auto& container : actual.containers) {
    container.status = ContainerStatus::Exited;
    container.exit.known = true;
    container.stopped_by_user = container.name == "shop-web-2";
  }
  EXPECT_EQ(steps_of(plan_reconcile(desired, actual)), Texts{"container/shop-web-1 start"});
  actual = ActualState{};
  EXPECT_EQ(plan_reconcile(desired, actual).steps.size(), diff(desired, actual).steps.size())
      << "after a reboot everything comes back";
}

TEST(Down, RemovesOnlyWhatHasEnded) {
  const DesiredState desired = shop().desire();
  ActualState actual = running(desired);
  for (auto& container : actual.containers) {
    if (container.name == "shop-web-1") container.status = ContainerStatus::Exited;
  }
  DownOptions options;
  options.only_stopped = true;
  const Plan plan = plan_down(desired, actual, options);
  EXPECT_EQ(steps_of(plan), (Texts{"container/shop-web-1 remove", "ports/shop update",
                                   "endpoint/shop-web-1/shop_back remove",
                                   "endpoint/shop-web-1/shop_default remove"}));
  EXPECT_FALSE(plan.forget);
  ASSERT_EQ(plan.ports.size(), 1U);
}

}  // namespace
