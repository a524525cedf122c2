#include <gtest/gtest.h>

#include "base/json.hpp"
#include "planner/changes.hpp"
#include "planner/plan.hpp"
#include "unit/planner_support.hpp"

namespace {

using namespace planner;
using namespace planner_test;
using Texts = std::vector<std::string>;

TEST(Diff, FromNothing) {
  const DesiredState desired = shop().desire();
  const Plan plan = diff(desired, ActualState{});
  EXPECT_EQ(
      steps_of(plan),
      (Texts{"network/shop_back create", "network/shop_default create", "volume/shop_data create",
             "ports/shop create", "endpoint/shop-db-1/shop_back create",
             "container/shop-db-1 create", "endpoint/shop-web-1/shop_back create",
             "endpoint/shop-web-1/shop_default create", "container/shop-web-1 create",
             "endpoint/shop-web-2/shop_back create", "endpoint/shop-web-2/shop_default create",
             "container/shop-web-2 create"}));
  const Step& web = *plan.step("container/shop-web-1");
  EXPECT_EQ(web.after, (Texts{"container/shop-db-1", "endpoint/shop-web-1/shop_back",
                              "endpoint/shop-web-1/shop_default"}));
  ASSERT_EQ(web.waits.size(), 1U);
  EXPECT_EQ(web.waits[0].condition, spec::Condition::Healthy);
  EXPECT_EQ(plan.step("container/shop-db-1")->after,
            (Texts{"endpoint/shop-db-1/shop_back", "volume/shop_data"}));
  EXPECT_EQ(plan.step("ports/shop")->after, (Texts{"network/shop_back", "network/shop_default"}));
  EXPECT_EQ(plan.ports.size(), 2U);
}

TEST(Diff, NothingToDo) {
  const DesiredState desired = shop().desire();
  const Plan plan = diff(desired, running(desired));
  EXPECT_TRUE(plan.empty()) << to_text(plan);
  EXPECT_EQ(plan.unchanged, 12U);
  EXPECT_EQ(to_text(plan), "Nothing to do: shop is up to date.\n");
}

// One change of the file, and the steps it costs.
TEST(Diff, EachFieldHasItsEffect) {
  struct Case {
    const char* name;
    void (*change)(StackBuilder&);
    Texts steps;
    std::string reason;  // first of the first step
  };
  const std::vector<Case> cases = {
      {"environment",
       [](StackBuilder& b) { b.service("db").environment["A"] = "1"; },
       {"container/shop-db-1 replace"},
       "environment.A added"},
      {"memory limit",
       [](StackBuilder& b) { b.service("db").limits.memory = 1000; },
       {"container/shop-db-1 update"},
       "mem_limit added"},
      {"restart",
       [](StackBuilder& b) { b.service("db").restart.mode = spec::RestartMode::Always; },
       {"container/shop-db-1 update"},
       "restart added"},
      {"labels",
       [](StackBuilder& b) { b.service("db").labels["x"] = "1"; },
       {"container/shop-db-1 update"},
       "labels.x added"},
      {"grace",
       [](StackBuilder& b) { b.service("db").stop_grace_period = std::chrono::seconds(1); },
       {"container/shop-db-1 update"},
       "stop_grace_period changed"},
      {"logging",
       [](StackBuilder& b) { b.service("db").logging.options["max-size"] = "1m"; },
       {"container/shop-db-1 update"},
       "logging.options added"},
      {"alias",
       [](StackBuilder& b) { b.service("db").networks[0].aliases = {"sql"}; },
       {"container/shop-db-1 update"},
       "networks.back.aliases changed"},
      {"command",
       [](StackBuilder& b) { b.service("db").command = Texts{"x"}; },
       {"container/shop-db-1 replace"},
       "command/entrypoint changed"},
      {"mount",
       [](StackBuilder& b) { b.service("db").mounts[0].read_only = true; },
       {"container/shop-db-1 replace"},
       "volumes./data changed"},
      {"ports",
       [](StackBuilder& b) { b.service("web").ports[0].published_first = 9090; },
       {"ports/shop update"},
       "0.0.0.0:9090/tcp → 172.17.1.2:80 added"},
      {"no ports",
       [](StackBuilder& b) { b.service("web").ports.clear(); },
       {"ports/shop remove"},
       "0.0.0.0:8080/tcp → 172.17.1.2:80 removed"},
      {"place only", [](StackBuilder& b) { b.service("db").place.line = 99; }, {}, ""},
      {"scale down",
       [](StackBuilder& b) { b.service("web").replicas = 1; },
       {"ports/shop update", "container/shop-web-2 remove", "endpoint/shop-web-2/shop_back remove",
        "endpoint/shop-web-2/shop_default remove"},
       "0.0.0.0:8081/tcp → 172.17.1.3:80 removed"},
  };
  const DesiredState before = shop().desire();
  const World world = known(before);
  for (const Case& c : cases) {
    StackBuilder build = shop();
    c.change(build);
    const Plan plan = diff(build.desire(world), running(before));
    EXPECT_EQ(steps_of(plan), c.steps) << c.name << "\n" << to_text(plan);
    if (!plan.empty()) {
      EXPECT_EQ(plan.steps[0].reasons[0].text, c.reason) << c.name;
    }
  }
}

// Of web alone, where the file has changes for others, too.
Plan plan_of_web(const DesiredState& desired, const ActualState& actual, DiffOptions& options) {
  EXPECT_FALSE(diff(desired, actual, options).empty());
  options.services = {"web"};
  return diff(desired, actual, options);
}

TEST(Diff, WhatNobodyAskedForStaysRecordedAsItWas) {
  StackBuilder build = shop();
  build.service("web").depends_on.clear();
  build.publish("db", 5432, 1, 5432);
  build.network("back").internal = false;
  const DesiredState recorded = build.desire();
  const ActualState actual = running(recorded);
  build.service("db").environment["A"] = "1";
  build.service("db").ports[0].published_first = 5433;
  build.volume("other");
  build.service("db").mounts[0].source = "other";
  const DesiredState desired = build.desire(known(recorded));
  DiffOptions options;
  options.recorded = &recorded;
  const Plan plan = plan_of_web(desired, actual, options);
  EXPECT_TRUE(plan.empty()) << to_text(plan);
  EXPECT_EQ(*plan.desired.container("shop-db-1"), *recorded.container("shop-db-1"));
  EXPECT_NE(plan.desired.volume("shop_data"), nullptr);
  EXPECT_EQ(plan.desired.volume("shop_other"), nullptr);
  EXPECT_TRUE(plan_reconcile(plan.desired, actual).empty());
}

TEST(Diff, NetworksOfWhatNobodyAskedForStay) {
  StackBuilder build;
  build.attach("web", "default");
  build.attach("db", "back");
  build.network("back");
  const DesiredState recorded = build.desire();
  const ActualState actual = running(recorded);
  build.network("back").driver_opts["com.docker.network.driver.mtu"] = "1400";
  build.network("back").internal = true;
  const DesiredState desired = build.desire(known(recorded));
  DiffOptions options;
  options.recorded = &recorded;
  const Plan plan = plan_of_web(desired, actual, options);
  EXPECT_TRUE(plan.empty()) << to_text(plan);
  EXPECT_EQ(*plan.desired.network("shop_back"), *recorded.network("shop_back"));
  // Where one that is asked for is on it, too, all that are on it follow.
  build.attach("web", "back");
  const DesiredState joined = build.desire(known(recorded));
  const Plan shared = diff(joined, actual, options);
  EXPECT_EQ(*shared.desired.network("shop_back"), *joined.network("shop_back"));
  EXPECT_EQ(shared.desired.container("shop-db-1")->endpoints,
            joined.container("shop-db-1")->endpoints);
}

TEST(Diff, ReplicasAndOrphansThatStayKeepTheirPorts) {
  StackBuilder build = shop();
  build.service("web").depends_on.clear();
  build.service("old");
  build.publish("old", 9000, 1, 90);
  const DesiredState recorded = build.desire();
  const ActualState actual = running(recorded);
  build.stack.services.erase("old");
  build.service("web").replicas = 1;
  DiffOptions options;
  options.recorded = &recorded;
  options.services = {"db"};
  const DesiredState desired = build.desire(known(recorded));
  const Plan plan = diff(desired, actual, options);
  EXPECT_TRUE(plan.empty()) << to_text(plan);
  EXPECT_EQ(plan.ports, actual.fabric.ports);
  EXPECT_EQ(plan.orphans, Texts{"shop-old-1"});
  options.services = {};
  const Plan all = diff(desired, actual, options);
  EXPECT_EQ(steps_of(all), (Texts{"ports/shop update", "container/shop-web-2 remove",
                                  "endpoint/shop-web-2/shop_back remove",
                                  "endpoint/shop-web-2/shop_default remove"}));
  EXPECT_EQ(all.ports.size(), 2U) << "of the first replica and of the orphan";
  const ActualState after = apply(all, actual);
  EXPECT_TRUE(plan_reconcile(all.desired, after).empty());
  options.recorded = &all.desired;
  EXPECT_TRUE(diff(desired, after, options).empty());
  options.remove_orphans = true;
  EXPECT_EQ(diff(desired, after, options).ports.size(), 1U);
}

TEST(Diff, LeavingANetworkRemovesItsEndpointFirst) {
  StackBuilder build = shop();
  const ActualState actual = running(build.desire());
  build.service("web").networks.pop_back();  // back
  build.service("web").replicas = 1;
  build.service("web").ports.clear();
  const Plan plan = diff(build.desire(), actual);
  const Step* gone = plan.step("endpoint/shop-web-1/shop_back");
  ASSERT_NE(gone, nullptr) << to_text(plan);
  EXPECT_EQ(gone->action, Action::Remove);
  EXPECT_NE(plan.endpoint(*gone), nullptr);
  const Step* web = plan.step("container/shop-web-1");
  ASSERT_NE(web, nullptr);
  EXPECT_EQ(web->action, Action::Update);
  EXPECT_NE(std::find(web->after.begin(), web->after.end(), gone->id), web->after.end());
}

TEST(Diff, WhatIsFoundDecidesTheAction) {
  struct Case {
    ContainerStatus status;
    bool supervisor;
    std::string reason;  // empty: no step
  };
  const std::vector<Case> cases = {
      {ContainerStatus::Running, true, ""},
      {ContainerStatus::Paused, true, ""},
      {ContainerStatus::Restarting, true, ""},
      {ContainerStatus::Restarting, false, "waits for a restart and no supervisor is there"},
      {ContainerStatus::Created, true, "was never started"},
      {ContainerStatus::Exited, true, "has ended (exit code 7)"},
  };
  const DesiredState desired = shop().desire();
  for (const Case& c : cases) {
    ActualState actual = running(desired);
    actual.supervisor_alive = c.supervisor;
    for (auto& container : actual.containers) {
      if (container.name != "shop-db-1") continue;
      container.status = c.status;
      container.exit.known = true;
      container.exit.code = 7;
    }
    const Plan plan = diff(desired, actual);
    if (c.reason.empty()) {
      EXPECT_TRUE(plan.empty()) << to_text(plan);
    } else {
      Texts expected{"container/shop-db-1 start"};
      // Nobody watches over the others either.
      if (!c.supervisor) expected.insert(expected.begin(), "supervisor/shop start");
      EXPECT_EQ(steps_of(plan), expected);
      EXPECT_EQ(plan.steps.back().reasons[0].text, c.reason);
    }
  }
}

TEST(Diff, Drift) {
  const DesiredState desired = shop().desire();
  ActualState actual = running(desired);
  const std::string device = actual.fabric.endpoints.back().device;
  actual.fabric.endpoints.front().bridge.clear();
  actual.fabric.endpoints.pop_back();
  const Plan plan = diff(desired, actual);
  EXPECT_EQ(steps_of(plan), (Texts{"endpoint/shop-db-1/shop_back update",
                                   "endpoint/shop-web-2/shop_default create"}));
  EXPECT_EQ(plan.steps[1].reasons[0].text, base::cat("device ", device, " has gone"));
  ActualState moved = running(desired);
  moved.fabric.bridges.front().addresses.clear();
  EXPECT_EQ(steps_of(diff(desired, moved)), Texts{"network/shop_back update"});
}

TEST(Diff, ChosenServices) {
  const DesiredState desired = shop().desire();
  DiffOptions options;
  options.services = {"db"};
  const Plan plan = diff(desired, ActualState{}, options);
  EXPECT_EQ(steps_of(plan),
            (Texts{"network/shop_back create", "volume/shop_data create",
                   "endpoint/shop-db-1/shop_back create", "container/shop-db-1 create"}));
  EXPECT_EQ(plan.desired.containers.size(), 1U);
  options.services = {"web"};
  EXPECT_NE(diff(desired, ActualState{}, options).step("container/shop-db-1"), nullptr);
  options.no_deps = true;
  const Plan alone = diff(desired, ActualState{}, options);
  EXPECT_EQ(alone.step("container/shop-db-1"), nullptr);
  EXPECT_TRUE(alone.step("container/shop-web-1")->waits.empty());
  options.services = {"web"};
  options.no_deps = false;
  options.force_recreate = true;
  EXPECT_EQ(steps_of(diff(desired, running(desired), options)),
            (Texts{"container/shop-web-1 replace", "container/shop-web-2 replace"}));
}

TEST(Diff, RestartSpreadsOnlyWhereAsked) {
  for (const bool restart : {false, true}) {
    StackBuilder build = shop();
    build.service("web").depends_on[0].restart = restart;
    const ActualState actual = running(build.desire());
    build.service("db").environment["A"] = "1";
    const Plan plan = diff(build.desire(), actual);
    EXPECT_EQ(plan.steps.size(), restart ? 3U : 1U);
    if (restart) {
      EXPECT_EQ(plan.step("container/shop-web-1")->reasons[0].text,
                "dependency shop-db-1 is replaced");
      EXPECT_EQ(plan.step("container/shop-web-1")->after, Texts{"container/shop-db-1"});
    }
  }
}

TEST(Diff, OrphansAndRenamed) {
  StackBuilder build = shop();
  const DesiredState before = build.desire();
  const ActualState actual = running(before);
  build.stack.services.erase("web");
  build.service("db").container_name = "sql";
  const DesiredState desired = build.desire();
  const Plan plan = diff(desired, actual);
  EXPECT_EQ(plan.orphans, (Texts{"shop-web-1", "shop-web-2"}));
  EXPECT_EQ(plan.step("container/shop-web-1"), nullptr);
  // The new one mounts the same volume: it starts when the old one has gone.
  const Step& renamed = *plan.step("container/sql");
  EXPECT_NE(std::find(renamed.after.begin(), renamed.after.end(), "container/shop-db-1"),
            renamed.after.end());
  DiffOptions options;
  options.remove_orphans = true;
  EXPECT_EQ(diff(desired, actual, options).step("container/shop-web-1")->action, Action::Remove);
}

TEST(Diff, DependencyThatIsNotRequiredHoldsNothingBack) {
  StackBuilder build = shop();
  build.service("web").depends_on[0].required = false;
  const Plan plan = diff(build.desire(), ActualState{});
  const Step& web = *plan.step("container/shop-web-1");
  EXPECT_EQ(std::count(web.after.begin(), web.after.end(), "container/shop-db-1"), 0);
  ASSERT_EQ(web.waits.size(), 1U);
  EXPECT_FALSE(web.waits[0].required);
}

// ---- plans as data
// ---------------------------------------------------------------------------------

TEST(Plans, JsonRoundTrip) {
  const Plan plan = diff(shop().desire(), ActualState{});
  const nlohmann::json json = plan;
  const Plan back = nlohmann::json::parse(json.dump()).get<Plan>();
  EXPECT_EQ(to_text(back), to_text(plan));
  EXPECT_EQ(back.desired, plan.desired);
  EXPECT_EQ(back.ports, plan.ports);
  EXPECT_EQ(back.basis, plan.basis);
  EXPECT_EQ(nlohmann::json(back), json);
  EXPECT_EQ(json["steps"][0]["action"], "create");
  EXPECT_EQ(json["steps"][0]["kind"], "network");
}

TEST(Plans, BasisChangesWithTheFacts) {
  const DesiredState desired = shop().desire();
  const ActualState actual = running(desired);
  const Plan plan = diff(desired, actual);
  ActualState other = actual;
  std::reverse(other.containers.begin(), other.containers.end());
  other.containers.front().health = Health::Unhealthy;
  EXPECT_EQ(basis_of(actual, plan), basis_of(other, plan));
  other.containers.front().status = ContainerStatus::Exited;
  EXPECT_NE(basis_of(actual, plan), basis_of(other, plan));
  other = actual;
  other.fabric.ports.clear();
  EXPECT_NE(basis_of(actual, plan), basis_of(other, plan));
  other = actual;
  other.networks.push_back("of-another-stack");
  other.volumes.push_back({"of-another-stack"});
  other.fabric.bridges.push_back({.device = "st-other"});
  EXPECT_EQ(basis_of(actual, plan), basis_of(other, plan));
  other = actual;
  other.fabric.bridges.clear();
  EXPECT_NE(basis_of(actual, plan), basis_of(other, plan));
}

TEST(Plans, SecretsAndControlCharactersStayOffTheScreen) {
  StackBuilder build;
  build.service("db").environment = {{"DB_PASSWORD", "old"}, {"MOTD", "a"}};
  const ActualState actual = running(build.desire());
  build.service("db").environment = {{"DB_PASSWORD", "new"},
                                     {"MOTD", "\x1b[31mred\n" + std::string(50, 'x')}};
  const std::string text = to_text(diff(build.desire(), actual));
  EXPECT_NE(text.find("environment.DB_PASSWORD changed (value not shown)"), std::string::npos);
  EXPECT_EQ(text.find("new"), std::string::npos);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(text.find("?[31mred\\nxxx"), std::string::npos) << text;
  EXPECT_NE(text.find("…\""), std::string::npos);
}

TEST(Plans, ColourIsOnlyAroundTheWords) {
  const std::string text = to_text(diff(shop().desire(), ActualState{}), {true});
  EXPECT_EQ(text.rfind("\033[32m+ network", 0), 0U) << text;
}

TEST(Changes, UnreadableRecordReplaces) {
  const auto changes = changes_between("{half", "{}");
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].effect, Effect::Replace);
}

}  // namespace
