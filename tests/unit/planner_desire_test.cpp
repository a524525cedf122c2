#include <gtest/gtest.h>

#include <set>

#include "base/json.hpp"
#include "planner/addresses.hpp"
#include "planner/desired.hpp"
#include "planner/plan.hpp"
#include "spec/volume_options.hpp"
#include "unit/planner_support.hpp"

namespace {

using namespace planner;
using namespace planner_test;
using Texts = std::vector<std::string>;

// ---- pools
// -----------------------------------------------------------------------------------------

TEST(Pools, FirstFreeSubnetAvoidsEveryRoute) {
  struct Case {
    Texts routes;
    unsigned prefix;
    std::string chosen;
  };
  const std::vector<Case> cases = {
      {{}, 24, "172.17.0.0/24"},
      {{"0.0.0.0/0"}, 24, "172.17.0.0/24"},
      {{"0.0.0.0/1", "128.0.0.0/1"}, 24, "172.17.0.0/24"},
      {{"172.17.0.0/16"}, 24, "172.18.0.0/24"},
      {{"172.17.0.1/32"}, 24, "172.17.1.0/24"},
      {{"172.16.0.0/12"}, 24, "192.168.0.0/24"},
      {{"172.16.0.0/12", "192.168.0.0/17"}, 24, "192.168.128.0/24"},
      {{"172.16.0.0/12", "192.168.0.0/16"}, 24, "10.0.0.0/24"},
      {{"172.16.0.0/12", "192.168.0.0/16", "10.0.0.0/8"}, 24, ""},
      {{"172.17.1.0/24"}, 22, "172.17.4.0/22"},
  };
  for (const Case& c : cases) {
    std::vector<base::Cidr> routes;
    for (const auto& route : c.routes) routes.push_back(cidr(route));
    const auto chosen = choose_v4(c.prefix, routes);
    EXPECT_EQ(chosen ? chosen->str() : "", c.chosen) << base::join(c.routes, " ");
  }
}

TEST(Pools, SizeFollowsTheNeed) {
  EXPECT_EQ(v4_prefix_for(0), 24U);
  EXPECT_EQ(v4_prefix_for(253), 24U);
  EXPECT_EQ(v4_prefix_for(254), 23U);
  EXPECT_EQ(v4_prefix_for(1000), 22U);
}

TEST(Pools, UniqueLocalPrefixIsStable) {
  const base::Cidr one = choose_v6("abcd", {});
  EXPECT_EQ(one, choose_v6("abcd", {}));
  EXPECT_EQ(one.address.bytes[0], 0xfd);
  EXPECT_EQ(one.prefix, 64U);
  EXPECT_EQ(one, one.network());
  EXPECT_NE(choose_v6("abcd", {one}), one);
}

// ---- addresses
// -------------------------------------------------------------------------------------

std::string address_of(const DesiredState& desired, const std::string& container,
                       std::size_t endpoint = 0) {
  return desired.container(container)->endpoints.at(endpoint).link.addresses.front().str();
}

TEST(Addresses, GatewayFirstThenLowestFree) {
  StackBuilder build;
  build.service("web").replicas = 2;
  const DesiredState desired = build.desire();
  EXPECT_EQ(desired.networks.front().bridge.addresses.front().str(), "172.17.0.1/24");
  EXPECT_EQ(address_of(desired, "shop-web-1"), "172.17.0.2/24");
  EXPECT_EQ(address_of(desired, "shop-web-2"), "172.17.0.3/24");
  EXPECT_EQ(desired, build.desire());
}

TEST(Addresses, LeasesAreKept) {
  StackBuilder build;
  build.service("web").replicas = 2;
  World world = StackBuilder::world();
  NetworkLeases& leases = world.networks["shop_default"];
  leases.subnets = {cidr("172.20.5.0/24")};
  leases.addresses["shop/shop-web-2"] = {ip("172.20.5.9")};
  leases.addresses["shop/gone-1"] = {ip("172.20.5.2")};
  leases.addresses["other/x"] = {ip("172.20.5.3")};
  world.routes = {cidr("172.20.5.0/24")};  // our own bridge's
  const DesiredState desired = build.desire(world);
  EXPECT_EQ(address_of(desired, "shop-web-2"), "172.20.5.9/24");
  EXPECT_EQ(address_of(desired, "shop-web-1"), "172.20.5.4/24");
}

TEST(Addresses, LeasedSubnetGivesWay) {
  StackBuilder build;
  build.service("web");
  World world = StackBuilder::world();
  world.networks["shop_default"].subnets = {cidr("172.20.5.0/24")};
  world.taken = {cidr("172.20.5.0/24")};
  EXPECT_EQ(address_of(build.desire(world), "shop-web-1"), "172.17.0.2/24");
  world.taken.clear();
  build.service("web").replicas = 300;
  EXPECT_EQ(address_of(build.desire(world), "shop-web-1"), "172.17.0.2/23");
  // A configured subnet wins over a lease, also over another network's lease of it.
  build.service("web").replicas = 1;
  build.network("zoo").subnets = {cidr("172.20.5.0/24")};
  build.attach("web", "zoo");
  build.attach("web", "default");
  const DesiredState desired = build.desire(world);
  EXPECT_EQ(address_of(desired, "shop-web-1", 1), "172.20.5.2/24");
}

TEST(Addresses, RequestedAddressesComeFirst) {
  StackBuilder build;
  build.network("default").subnets = {cidr("10.9.0.0/29")};
  build.service("a");
  build.attach("z", "default");
  build.service("z").networks[0].ipv4_address = ip("10.9.0.2");
  const DesiredState desired = build.desire();
  EXPECT_EQ(address_of(desired, "shop-z-1"), "10.9.0.2/29");
  EXPECT_EQ(address_of(desired, "shop-a-1"), "10.9.0.3/29");
}

TEST(Addresses, Refusals) {
  struct Case {
    std::string wanted, error;
  };
  const std::vector<Case> cases = {
      {"10.9.0.1", "cannot be given"},   // gateway
      {"10.9.0.0", "cannot be given"},   // network
      {"10.9.0.7", "cannot be given"},   // broadcast
      {"10.9.1.2", "cannot be given"},   // outside
      {"10.9.0.3", "already taken by"},  // by b
      {"fd00::2", "no IPv6 subnet"},
  };
  for (const Case& c : cases) {
    StackBuilder build;
    build.network("default").subnets = {cidr("10.9.0.0/29")};
    build.attach("b", "default");
    build.service("b").networks[0].ipv4_address = ip("10.9.0.3");
    build.attach("c", "default");
    auto& slot = ip(c.wanted).is_v4() ? build.service("c").networks[0].ipv4_address
                                      : build.service("c").networks[0].ipv6_address;
    slot = ip(c.wanted);
    const Texts errors = errors_of(build);
    ASSERT_EQ(errors.size(), 1U) << c.wanted;
    EXPECT_NE(errors[0].find(c.error), std::string::npos) << errors[0];
  }
}

TEST(Addresses, ExhaustionIsToldOnceForEachContainer) {
  StackBuilder build;
  build.network("default").subnets = {cidr("10.9.0.0/29")};
  build.service("web").replicas = 6;  // 8 addresses: network, broadcast, gateway, 5 left
  EXPECT_EQ(errors_of(build), Texts{"network \"default\": no address is left in 10.9.0.0/29 for "
                                    "shop-web-6"});
}

TEST(Addresses, OverlapAndForeignGateway) {
  StackBuilder build;
  build.network("default").subnets = {cidr("10.9.0.0/24")};
  build.network("front").subnets = {cidr("10.9.0.128/25")};
  EXPECT_EQ(errors_of(build).size(), 1U);
  StackBuilder other;
  other.network("default").subnets = {cidr("10.9.0.0/24")};
  other.network("default").gateways = {ip("10.8.0.1")};
  EXPECT_EQ(errors_of(other).size(), 1U);
  other.network("default").gateways = {ip("10.9.0.254")};
  EXPECT_EQ(other.desire().networks.front().bridge.addresses.front().str(), "10.9.0.254/24");
}

TEST(Addresses, BothFamilies) {
  StackBuilder build;
  build.network("default").enable_ipv6 = true;
  build.service("web");
  const DesiredState desired = build.desire();
  const netfab::Endpoint& link = only(desired).endpoints.at(0).link;
  ASSERT_EQ(link.addresses.size(), 2U);
  EXPECT_EQ(link.addresses[1].address, link.gateways[1].plus(1));
  EXPECT_EQ(link.addresses[1].prefix, 64U);
}

TEST(Addresses, ExternalNetworkMustExist) {
  StackBuilder build;
  build.network("edge").external = true;
  build.network("edge").name = "edge";
  build.attach("web", "edge");
  EXPECT_EQ(errors_of(build),
            Texts{"network \"edge\" is declared external but does not exist: stack network create "
                  "edge"});
  World world = StackBuilder::world();
  world.networks["edge"].subnets = {cidr("10.7.0.254/24")};  // as a bridge has it
  world.networks["edge"].addresses["other/x"] = {ip("10.7.0.1")};
  const DesiredState desired = build.desire(world);
  EXPECT_EQ(address_of(desired, "shop-web-1"), "10.7.0.2/24");
  EXPECT_EQ(only(desired).endpoints[0].link.gateways.front().str(), "10.7.0.254");
}

// ---- containers
// ------------------------------------------------------------------------------------

TEST(Desire, NamesAndKernelNames) {
  StackBuilder build;
  build.service("web").replicas = 2;
  build.service("db").container_name = "the_db";
  const DesiredState desired = build.desire();
  ASSERT_EQ(desired.containers.size(), 3U);
  EXPECT_EQ(desired.containers[0].name, "the_db");
  EXPECT_EQ(desired.containers[0].hostname, "the-db");
  EXPECT_EQ(desired.containers[2].name, "shop-web-2");
  EXPECT_EQ(desired.containers[2].place, "app.yaml:10:3");
  const netfab::Endpoint& link = desired.containers[2].endpoints.at(0).link;
  EXPECT_EQ(link.label, "shop/shop-web-2/shop_default");
  EXPECT_EQ(link.device, "sv-" + FakeNames().tag("endpoint", "shop-web-2/shop_default"));
  EXPECT_LE(link.device.size(), 15U);
  EXPECT_EQ(link.bridge, desired.networks.at(0).bridge.device);
  EXPECT_EQ(desired.containers[2].endpoints[0].aliases, (Texts{"web", "shop-web-2"}));
  build.service("web").container_name = "the_db";
  EXPECT_EQ(errors_of(build).size(), 1U);
  build.service("web").replicas = 1;
  EXPECT_EQ(errors_of(build), Texts{"services \"db\" and \"web\" would both be container the_db"});
}

TEST(Desire, CommandAndEntrypoint) {
  struct Case {
    Texts image_entrypoint, image_command;
    std::optional<Texts> entrypoint, command;
    Texts argv;
  };
  const std::vector<Case> cases = {
      {{"/entry"}, {"serve"}, {}, {}, {"/entry", "serve"}},
      {{"/entry"}, {"serve"}, {}, Texts{"x"}, {"/entry", "x"}},
      {{"/entry"}, {"serve"}, Texts{"/other"}, {}, {"/other"}},
      {{"/entry"}, {"serve"}, Texts{"/other"}, Texts{"x"}, {"/other", "x"}},
      {{"/entry"}, {"serve"}, {}, Texts{}, {"/entry"}},
      {{"/entry"}, {"serve"}, Texts{}, Texts{"x"}, {"x"}},
      {{}, {"serve"}, {}, Texts{}, {}},
  };
  for (const Case& c : cases) {
    StackBuilder build;
    build.service("web").entrypoint = c.entrypoint;
    build.service("web").command = c.command;
    World world = StackBuilder::world();
    world.images["app"].entrypoint = c.image_entrypoint;
    world.images["app"].command = c.image_command;
    if (c.argv.empty()) {
      EXPECT_EQ(errors_of(build, world),
                Texts{"service \"web\" has no command: image \"app\" gives "
                      "none; set command:"});
    } else {
      EXPECT_EQ(only(build.desire(world)).argv, c.argv);
    }
  }
}

TEST(Desire, EnvironmentLiesOverTheImages) {
  StackBuilder build;
  build.service("web").environment = {{"A", "mine"}, {"Z", ""}};
  World world = StackBuilder::world();
  world.images["app"].environment = {"PATH=/bin", "A=image", "B=image=x"};
  EXPECT_EQ(only(build.desire(world)).environment,
            (Texts{"A=mine", "B=image=x", "PATH=/bin", "Z="}));
}

TEST(Desire, InterfacesAndDefaultRoute) {
  StackBuilder build;
  build.network("back").internal = true;
  build.network("front");
  for (const char* key : {"front", "back", "default"}) build.attach("web", key);
  const auto route_of = [&](std::size_t i) {
    return !only(build.desire()).endpoints.at(i).link.gateways.empty();
  };
  const DesiredState desired = build.desire();
  EXPECT_EQ(only(desired).endpoints[0].network, "shop_back");
  EXPECT_EQ(only(desired).endpoints[0].link.inner_device, "eth0");
  EXPECT_EQ(only(desired).endpoints[2].link.inner_device, "eth2");
  EXPECT_FALSE(route_of(0));  // internal
  EXPECT_TRUE(route_of(1));
  EXPECT_FALSE(route_of(2));
  build.service("web").networks[0].gw_priority = 1;  // front
  EXPECT_TRUE(route_of(2));
  build.service("web").networks[0].priority = 5;
  EXPECT_EQ(only(build.desire()).endpoints[0].network, "shop_front");
}

TEST(Desire, NetworkModes) {
  StackBuilder build;
  build.service("a");
  build.service("none").network_mode.kind = spec::NetworkModeKind::None;
  build.service("host").network_mode.kind = spec::NetworkModeKind::Host;
  build.service("shared").network_mode = {spec::NetworkModeKind::Service, "a"};
  build.service("other").network_mode = {spec::NetworkModeKind::Container, "vpn"};
  const DesiredState desired = build.desire();
  EXPECT_EQ(desired.container("shop-none-1")->network, NetworkKind::None);
  EXPECT_EQ(desired.container("shop-host-1")->network, NetworkKind::Host);
  EXPECT_EQ(desired.container("shop-shared-1")->network_container, "shop-a-1");
  EXPECT_EQ(desired.container("shop-other-1")->network_container, "vpn");
  EXPECT_TRUE(desired.container("shop-shared-1")->endpoints.empty());
}

TEST(Desire, SignalsAndSecurity) {
  const std::vector<std::pair<std::string, int>> cases = {
      {"SIGQUIT", 3}, {"quit", 3}, {"3", 3}, {"", 15}, {"SIGUSR1", 10}, {"SIGRTMIN+3", 37}};
  for (const auto& c : cases) {
    StackBuilder build;
    build.service("web").stop_signal = c.first;
    EXPECT_EQ(only(build.desire()).stop_signal, c.second) << c.first;
  }
  for (const char* wrong : {"SIGNOPE", "0", "99", "SIG", "SIGRTMIN+99"}) {
    StackBuilder build;
    build.service("web").stop_signal = wrong;
    EXPECT_EQ(errors_of(build).size(), 1U) << wrong;
  }
  StackBuilder build;
  EXPECT_TRUE((build.service("web"), only(build.desire()).no_new_privileges));
  build.service("web").security_opt = {"no-new-privileges:false", "seccomp=./p.json"};
  EXPECT_FALSE(only(build.desire()).no_new_privileges);
  EXPECT_EQ(only(build.desire()).seccomp, "/srv/shop/p.json");
}

TEST(Desire, AnImageWithAVolumeWhereNothingCanBeMountedIsRefused) {
  for (const char* path : {"/", "/proc", "/proc/sys/", "//proc/../proc"}) {
    StackBuilder build;
    build.service("web");
    World world = StackBuilder::world();
    world.images["app"].volumes = {path};
    EXPECT_THROW((void)build.desire(world), spec::SpecError) << path;
  }
}

TEST(Desire, HealthMountsHostsAndDependencies) {
  StackBuilder build;
  World world = StackBuilder::world();
  world.images["app"].healthcheck.emplace();
  world.images["app"].healthcheck->test = {"CMD", "/ok"};
  world.images["app"].volumes = {"/data", "/cache/"};
  build.volume("data");
  build.service("db").replicas = 2;
  build.service("db").healthcheck.emplace();
  build.service("db").healthcheck->disabled = true;
  build.depends("web", "db", spec::Condition::Healthy);
  spec::Mount mount;
  mount.source = "data";
  mount.target = "/data";
  build.service("web").mounts = {mount};
  build.service("web").extra_hosts = {"box=host-gateway", "a=10.0.0.1"};
  const DesiredState desired = build.desire(world);
  const Container& web = *desired.container("shop-web-1");
  EXPECT_EQ(web.healthcheck->test, (Texts{"CMD", "/ok"}));
  EXPECT_FALSE(desired.container("shop-db-1")->healthcheck.has_value());
  ASSERT_EQ(web.mounts.size(), 2U);
  EXPECT_EQ(web.mounts[0].source, "shop_data");
  EXPECT_EQ(web.mounts[1].target, "/cache");
  EXPECT_NE(desired.volume(web.mounts[1].source), nullptr);
  EXPECT_EQ(web.extra_hosts, (Texts{"box=172.17.0.1", "a=10.0.0.1"}));
  ASSERT_EQ(web.depends_on.size(), 2U);
  EXPECT_EQ(web.depends_on[1].container, "shop-db-2");
  EXPECT_EQ(web.depends_on[1].condition, spec::Condition::Healthy);
}

TEST(Desire, VolumesThatAreAFolderOfTheHostOrATmpfs) {
  StackBuilder build;
  build.volume("data").driver_opts = {{"type", "none"}, {"o", "bind,ro"}, {"device", "/srv/data/"}};
  build.volume("fast").driver_opts = {{"type", "tmpfs"}, {"device", "tmpfs"}, {"o", "size=1m"}};
  build.volume("theirs").external = true;
  spec::Mount mount;
  for (const char* key : {"data", "fast", "theirs"}) {
    mount.source = key;
    mount.target = base::cat("/", key);
    mount.subpath = mount.source == "data" ? "inner" : "";
    build.service("web").mounts.push_back(mount);
  }
  World world = StackBuilder::world();
  world.volume_options["shop_theirs"] = {{"o", "rbind"}, {"type", "none"}, {"device", "/srv/x"}};
  const DesiredState desired = build.desire(world);
  const std::vector<MountSpec>& mounts = only(desired).mounts;
  EXPECT_EQ(mounts[0].type, spec::MountType::Volume);
  EXPECT_EQ(mounts[0].source, "shop_data") << "it keeps its name";
  EXPECT_EQ(mounts[0].device, "/srv/data");
  EXPECT_EQ(mounts[0].subpath, "inner");
  EXPECT_TRUE(mounts[0].read_only && mounts[0].nocopy && !mounts[0].recursive);
  EXPECT_EQ(mounts[1].device, spec::kTmpfsDevice);
  EXPECT_EQ(mounts[1].tmpfs_options, "exec,size=1m");
  EXPECT_EQ(mounts[2].device, "/srv/x");
  EXPECT_TRUE(mounts[2].recursive && !mounts[2].read_only);

  StackBuilder other = build;
  other.service("web").mounts[1].subpath = "inner";
  EXPECT_EQ(errors_of(other), Texts{"service \"web\": volume \"fast\" is a tmpfs, which is empty: "
                                    "it has no subpath"});

  // Another place: the record is written anew, what mounts it is replaced.
  ActualState actual = running(desired);
  EXPECT_TRUE(diff(desired, actual).empty());
  build.volume("data").driver_opts["device"] = "/srv/other";
  std::vector<std::string> steps;
  for (const Step& step : diff(build.desire(world), actual).steps) {
    steps.push_back(base::cat(step.id, ": ", step.reasons.front().field));
  }
  EXPECT_EQ(steps, (Texts{"volume/shop_data: driver_opts", "container/shop-web-1: volumes./data"}));
}

// dockerd's rule: each part that the file leaves out is the image's, else the default.
TEST(Desire, HealthInheritsEachPartOfTheImage) {
  using std::chrono::seconds;
  StackBuilder build;
  World world = StackBuilder::world();
  spec::Healthcheck& image = world.images["app"].healthcheck.emplace(spec::Healthcheck::unsaid());
  image.test = {"CMD", "/ok"};
  image.start_period = seconds(120);
  image.retries = 10;
  spec::Healthcheck& own = build.service("web").healthcheck.emplace(spec::Healthcheck::unsaid());
  own.interval = seconds(5);
  const spec::Healthcheck expected{.test = {"CMD", "/ok"},
                                   .interval = seconds(5),
                                   .timeout = seconds(30),
                                   .start_period = seconds(120),
                                   .start_interval = seconds(5),
                                   .retries = 10};
  EXPECT_EQ(only(build.desire(world)).healthcheck, expected);
  own.test = {"CMD", "/mine"};
  own.retries = 3;
  const auto mine = only(build.desire(world)).healthcheck;
  EXPECT_EQ(mine->test, (Texts{"CMD", "/mine"}));
  EXPECT_EQ(mine->retries, 3U);
  EXPECT_EQ(mine->start_period, seconds(120));
  own.disabled = true;
  EXPECT_FALSE(only(build.desire(world)).healthcheck.has_value());
  own.disabled = false;
  own.test.clear();
  world.images["app"].healthcheck.reset();
  EXPECT_FALSE(only(build.desire(world)).healthcheck.has_value());
}

// ---- JSON
// ------------------------------------------------------------------------------------------

TEST(Json, RoundTrip) {
  StackBuilder build;
  build.network("default").enable_ipv6 = true;
  spec::Service& web = build.service("web");
  build.publish("web", 8080, 1, 80);
  web.environment["Q"] = "a\"b\\c\n\x01 é";
  web.limits.cpus = 0.25;
  web.limits.memory_swap = -1;
  web.ulimits["nofile"] = {1024, -1};
  web.oom_score_adj = -5;
  web.security_opt = {"no-new-privileges:false"};
  web.restart = {spec::RestartMode::OnFailure, 3};
  web.healthcheck.emplace();
  web.healthcheck->test = {"CMD", "/ok"};
  web.devices = {{"/dev/null", "/dev/x", "r"}};
  const DesiredState desired = build.desire();
  const nlohmann::json json = desired;
  EXPECT_EQ(nlohmann::json::parse(json.dump()).get<DesiredState>(), desired);
  const auto compact = nlohmann::json::parse(compact_json(desired, 7));
  EXPECT_EQ(compact.get<DesiredState>(), desired);
  EXPECT_EQ(compact.at("version"), 7);
  EXPECT_EQ(compact_json(DesiredState(), 7), R"({"version":7})");
  EXPECT_EQ(json["containers"][0]["restart"]["mode"], "on-failure");

  Container back = parse_fingerprint(fingerprint(only(desired)));
  EXPECT_TRUE(back.ports.empty());
  EXPECT_TRUE(back.place.empty());
  back.ports = only(desired).ports;
  back.place = only(desired).place;
  EXPECT_EQ(back, only(desired));
}

TEST(Json, UnknownAndMissingKeysAreFine) {
  const auto json = nlohmann::json::parse(R"({"name": "x", "future": [1], "user": null})");
  const auto container = json.get<Container>();
  EXPECT_EQ(container.name, "x");
  EXPECT_TRUE(container.no_new_privileges);
  EXPECT_THROW((void)parse_fingerprint("{"), base::Error);
  EXPECT_THROW((void)parse_fingerprint("{\"name\": 3}"), base::Error);
}

TEST(Json, FingerprintLeavesOutWhatNeverDiffers) {
  Container container;
  container.name = "x";
  const std::string plain = fingerprint(container);
  EXPECT_EQ(plain, "{\"name\":\"x\"}");
  container.place = "app.yaml:3:5";
  container.ports.emplace_back();
  EXPECT_EQ(fingerprint(container), plain);
  container.tty = true;
  EXPECT_NE(fingerprint(container), plain);
}

}  // namespace
