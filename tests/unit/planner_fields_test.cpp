// The table of fields: whole, equal to the one people read, and stable under new fields.
#include "planner/fields.hpp"

#include <gtest/gtest.h>

#include <set>

#include "base/files.hpp"
#include "base/text.hpp"
#include "planner/changes.hpp"
#include "planner/codec.hpp"
#include "unit/planner_support.hpp"

namespace {

using namespace planner;
using namespace planner_test;

template <class T>
std::set<std::string> written() {
  std::set<std::string> out;
  codec::Fields<T>::each([&](const char* key, auto) { out.insert(key); });
  return out;
}

std::set<std::string> listed(const std::vector<FieldRule>& rules) {
  std::set<std::string> out;
  for (const FieldRule& rule : rules) {
    EXPECT_TRUE(out.insert(rule.field).second) << rule.field << " twice";
  }
  return out;
}

TEST(Fields, EveryFieldThatIsWrittenIsInTheTable) {
  std::set<std::string> container = written<planner::Container>();
  container.insert({"endpoints.aliases", "endpoints.link"});
  // Parts have a row where the file calls them something else, or shows their values in a unit.
  const auto parts = [&container](const char* field, const std::set<std::string>& names) {
    for (const std::string& name : names) container.insert(base::cat(field, ".", name));
  };
  parts("limits", written<spec::Limits>());
  parts("restart", written<spec::RestartPolicy>());
  parts("healthcheck", {"disabled", "interval", "timeout", "start_period", "start_interval"});
  parts("endpoints.link", {"mac", "inner_device"});
  EXPECT_EQ(listed(container_fields()), container);

  std::set<std::string> network = written<planner::Network>();
  network.erase("bridge");
  for (const std::string& part : written<netfab::Bridge>()) network.insert("bridge." + part);
  EXPECT_EQ(listed(network_fields()), network);

  EXPECT_EQ(listed(volume_fields()), written<planner::Volume>());
}

TEST(Fields, AnUnknownOneReplaces) {
  EXPECT_EQ(effect_of("new_thing"), Effect::Replace);
  const std::vector<Change> changes = changes_between("{}", R"({"new_thing":1})");
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].effect, Effect::Replace);
}

std::string table(const char* title, const std::vector<FieldRule>& rules) {
  std::string out = base::cat("## ", title,
                              "\n\n| in the file | a change | how | in a record |\n"
                              "| --- | --- | --- | --- |\n");
  for (const FieldRule& rule : rules) {
    out += base::cat("| `", rule.key, "` | ", name_of_effect(rule.effect), " | ", rule.how, " | `",
                     rule.field, "` |\n");
  }
  return out;
}

TEST(Fields, TheDocumentShowsTheTable) {
  const std::string text = base::read_file("docs/plan.md");
  for (const std::string& part :
       {table("A container", container_fields()), table("A network", network_fields()),
        table("A volume", volume_fields())}) {
    EXPECT_NE(text.find(part), std::string::npos) << "docs/plan.md should have:\n" << part;
  }
}

// What a record of an older program says of a container that has not changed.
TEST(Fingerprint, FieldsAtTheirDefaultAreNotInIt) {
  planner::Container container;
  container.name = "shop-web-1";
  container.argv = {"/bin/app"};
  EXPECT_EQ(fingerprint(container), R"({"name":"shop-web-1","argv":["/bin/app"]})");
}

TEST(Changes, ValuesOfSecretsAreLeftOut) {
  planner::Container before;
  before.environment = {"API_TOKEN=one", "PLAIN=one"};
  planner::Container after = before;
  after.environment = {"API_TOKEN=two", "PLAIN=two"};
  std::string all;
  for (const Change& change : changes_between(fingerprint(before), fingerprint(after))) {
    all += base::cat(change.reason.text, "|", change.reason.before, "|", change.reason.after, "\n");
  }
  EXPECT_EQ(
      all,
      "environment.API_TOKEN changed (value not shown)||\nenvironment.PLAIN changed|one|two\n");
}

struct NameCase {
  void (*change)(planner::Container&);
  const char* expected;  // text: before → after
};

// Nothing of our own words for a field, nor of its units, reaches a person.
TEST(Changes, AreCalledWhatTheFileCallsThem) {
  using namespace std::chrono_literals;
  planner::Container before;
  before.argv = {"/bin/app"};
  before.image_id = "sha256:app";
  const std::vector<NameCase> cases = {
      {[](auto& c) {
         c.argv = {"/bin/app", "-v"};
       },
       R"(command/entrypoint changed: ["/bin/app"] → ["/bin/app","-v"])"},
      {[](auto& c) { c.limits.memory = 256U << 20U; }, "mem_limit added:  → 256m"},
      {[](auto& c) { c.limits.memory_swap = -1; }, "memswap_limit added:  → -1"},
      {[](auto& c) { c.limits.pids = 10; }, "pids_limit added:  → 10"},
      {[](auto& c) { c.shm_size = 1000; }, "shm_size changed: 64m → 1000b"},
      {[](auto& c) { c.stop_grace_period = 5s; }, "stop_grace_period changed: 10s → 5s"},
      {[](auto& c) { c.stop_signal = 2; }, "stop_signal changed: SIGTERM → SIGINT"},
      {[](auto& c) { c.restart.mode = spec::RestartMode::Always; }, "restart added:  → always"},
      {[](auto& c) { c.restart.delay = 2s; }, "deploy.restart_policy.delay added:  → 2s"},
      {[](auto& c) { c.read_only = true; }, "read_only changed: false → true"},
      {[](auto& c) { c.no_new_privileges = false; },
       "security_opt (no-new-privileges) changed: true → false"},
      {[](auto& c) { c.sysctls["net.core.somaxconn"] = "1"; },
       "sysctls.net.core.somaxconn added:  → 1"},
  };
  for (const NameCase& test : cases) {
    planner::Container after = before;
    test.change(after);
    const auto changes = changes_between(fingerprint(before), fingerprint(after));
    ASSERT_EQ(changes.size(), 1U) << test.expected;
    const Reason& reason = changes[0].reason;
    EXPECT_EQ(base::cat(reason.text, ": ", reason.before, " → ", reason.after), test.expected);
  }
}

TEST(Changes, KnowNetworksAndServicesByTheirNamesInTheFile) {
  StackBuilder build;
  build.network("back");
  build.attach("web", "default");
  build.attach("web", "back");
  build.service("db").replicas = 2;
  const ActualState actual = running(build.desire());
  build.service("web").networks[1].mac_address = "02:00:00:00:00:01";
  build.service("web").networks[0].aliases = {"www"};
  build.depends("web", "db");
  std::string all;
  const Plan plan = diff(build.desire(), actual);
  for (const Reason& reason : plan.step("container/shop-web-1")->reasons) {
    all += base::cat(reason.field, "\n");
  }
  EXPECT_EQ(all,
            "depends_on.db\nnetworks.back.mac_address\n"
            "networks.default.aliases\n");
}

TEST(Changes, WhatFilesHoldIsLeftOut) {
  planner::Container before;
  before.secrets = {{"token", "/run/secrets/token", "", "b25l"},
                    {"old", "/run/secrets/old", "", ""}};
  before.configs = {{"motd", "/motd", "", "b25l"}, {"motd", "/other", "", "b25l"}};
  planner::Container after = before;
  after.secrets[0].content = "dHdv";
  after.secrets[1] = {"new", "/run/secrets/new", "", ""};
  after.configs[1].mode = 0400;
  std::string all;
  for (const Change& change : changes_between(fingerprint(before), fingerprint(after))) {
    EXPECT_EQ(change.effect, Effect::Replace);
    all += base::cat(change.reason.text, "|", change.reason.before, change.reason.after, "\n");
  }
  EXPECT_EQ(all,
            "configs.motd at /other.mode changed|\nsecrets.new added|\nsecrets.old removed|\n"
            "secrets.token changed (value not shown)|\n");
}

struct EffectCase {
  const char* what;
  void (*change)(planner::Container&);
  Effect effect;
};

TEST(Changes, PartsOfAFieldMayCostLess) {
  planner::Container before;
  before.image = "app:1";
  before.image_id = "sha256:app";
  before.ulimits["nofile"] = {100, 100};
  before.sysctls["net.ipv4.ip_forward"] = "1";
  before.sysctls["kernel.shmmax"] = "1";
  const std::vector<EffectCase> cases = {
      {"a ulimit changed", [](auto& c) { c.ulimits["nofile"].soft = 50; }, Effect::InPlace},
      {"a ulimit dropped", [](auto& c) { c.ulimits.clear(); }, Effect::Replace},
      {"net changed", [](auto& c) { c.sysctls["net.ipv4.ip_forward"] = "0"; }, Effect::InPlace},
      {"net dropped", [](auto& c) { c.sysctls.erase("net.ipv4.ip_forward"); }, Effect::Replace},
      {"ipc changed", [](auto& c) { c.sysctls["kernel.shmmax"] = "2"; }, Effect::Replace},
      {"same image by another name", [](auto& c) { c.image = "app:latest"; }, Effect::InPlace},
      {"another image", [](auto& c) { c.image_id = "sha256:other"; }, Effect::Replace},
      {"a limit", [](auto& c) { c.limits.memory = 1U << 30U; }, Effect::InPlace},
  };
  for (const EffectCase& test : cases) {
    planner::Container after = before;
    test.change(after);
    const auto changes = changes_between(fingerprint(before), fingerprint(after));
    ASSERT_EQ(changes.size(), 1U) << test.what;
    EXPECT_EQ(changes[0].effect, test.effect) << test.what;
  }
}

TEST(Endpoints, ANetworkComesAndGoesWithoutTheOthers) {
  StackBuilder build;
  build.attach("web", "default");
  const DesiredState first = build.desire();
  const ActualState actual = running(first);
  build.network("aaa");
  build.attach("web", "aaa");
  World world = StackBuilder::world();
  for (const auto& endpoint : first.containers[0].endpoints) {
    world.links.emplace("shop-web-1|" + endpoint.network, endpoint.link);
    NetworkLeases& leases = world.networks[endpoint.network];
    leases.subnets = first.networks[0].bridge.addresses;
    leases.addresses["shop/shop-web-1"] = {endpoint.link.addresses[0].address};
  }
  const DesiredState second = build.desire(world);
  const Plan plan = diff(second, actual);
  EXPECT_EQ(plan.step("endpoint/shop-web-1/shop_default"), nullptr) << to_text(plan);
  ASSERT_NE(plan.step("endpoint/shop-web-1/shop_aaa"), nullptr) << to_text(plan);
  EXPECT_EQ(plan.step("container/shop-web-1")->action, Action::Update);
  for (const auto& endpoint : second.containers[0].endpoints) {
    const bool old = endpoint.network == "shop_default";
    EXPECT_EQ(endpoint.link.inner_device, old ? "eth0" : "eth1");
    EXPECT_EQ(endpoint.link.gateways.empty(), !old) << "the default route stays where it was";
  }
}

TEST(Endpoints, ADefaultRouteIsLetGoBeforeItIsTaken) {
  StackBuilder build;
  build.network("back");
  build.attach("web", "back");
  build.attach("web", "default");
  const ActualState actual = running(build.desire());
  build.service("web").networks[1].gw_priority = 1;
  const Plan plan = diff(build.desire(), actual);
  ASSERT_EQ(plan.steps.size(), 3U) << to_text(plan);
  EXPECT_EQ(plan.steps[0].id, "endpoint/shop-web-1/shop_back");
  EXPECT_EQ(plan.steps[1].after, std::vector<std::string>{"endpoint/shop-web-1/shop_back"});
}

TEST(Restarts, FollowWhoseDependencyIsReplaced) {
  StackBuilder build;
  build.service("db");
  build.depends("app", "db");
  build.service("app").depends_on[0].restart = true;
  build.depends("web", "app");
  build.service("web").depends_on[0].restart = true;
  build.depends("other", "db");
  const ActualState actual = running(build.desire());
  build.service("db").environment["A"] = "1";
  const Plan plan = diff(build.desire(), actual);
  EXPECT_EQ(plan.step("container/shop-db-1")->action, Action::Replace);
  EXPECT_EQ(plan.step("container/shop-app-1")->action, Action::Restart);
  EXPECT_EQ(plan.step("container/shop-web-1")->action, Action::Restart);
  EXPECT_EQ(plan.step("container/shop-other-1"), nullptr);

  const Plan restart = plan_lifecycle(build.desire(), actual, {Action::Restart, {"db"}, 0});
  ASSERT_EQ(restart.steps.size(), 3U) << to_text(restart);
  EXPECT_EQ(restart.step("container/shop-web-1")->reasons[0].text,
            "dependency shop-app-1 is restarted");
  EXPECT_EQ(restart.step("container/shop-web-1")->after,
            std::vector<std::string>{"container/shop-app-1"});
}

}  // namespace
