#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "spec/load.hpp"

namespace spec {
namespace {

class Load : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "spec-load-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
    options_.working_dir = dir_;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  void write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(dir_ + "/" + name).parent_path());
    std::ofstream(dir_ + "/" + name) << text;
  }
  Stack load_text(const std::string& text) {
    write("compose.yaml", text);
    return load(options_).stack;
  }
  Service web(const std::string& keys) {
    std::string text = "services:\n  web:\n    image: nginx\n";
    std::string line;
    for (const char c : keys + "\n") {
      line += c;
      if (c != '\n') continue;
      text += "    " + line;
      line.clear();
    }
    return load_text(text + "volumes: {data: {}}\nnetworks: {back: {}}\n").services.at("web");
  }
  std::string refusal(const std::string& text) {
    write("compose.yaml", text);
    try {
      load(options_);
    } catch (const base::Error& error) {
      return error.what();
    }
    return "accepted";
  }

  std::string dir_;
  LoadOptions options_;
};

TEST_F(Load, DefaultsOfAService) {
  const Stack stack = load_text("services: {web: {image: nginx}}");
  const Service& web = stack.services.at("web");
  EXPECT_EQ(web.image.value, "nginx");
  EXPECT_EQ(web.networks.size(), 1U);
  EXPECT_EQ(web.networks[0].network, "default");
  EXPECT_EQ(web.replicas, 1U);
  EXPECT_EQ(web.stop_grace_period, std::chrono::seconds(10));
  EXPECT_EQ(web.shm_size, 64U << 20U);
  EXPECT_FALSE(web.command);
  EXPECT_EQ(stack.networks.at("default").name, stack.name + "_default");
}

TEST_F(Load, Ports) {
  const auto ports = web("ports: [80, \"8080:80\", \"127.0.0.1:53:53/udp\", \"[::1]:90:90\", "
                         "\"7000-7010:7000-7010\", "
                         "\"9000-9100:9000\", {target: 22, published: 2222, host_ip: 10.0.0.1}, "
                         "\"127.0.0.1::81\"]")
                         .ports;
  ASSERT_EQ(ports.size(), 8U);
  EXPECT_EQ(ports[0].target_first, 80);
  EXPECT_EQ(ports[0].published_first, 0);
  EXPECT_EQ(ports[1].published_first, 8080);
  EXPECT_EQ(ports[2].protocol, Protocol::Udp);
  EXPECT_EQ(ports[2].host_address->str(), "127.0.0.1");
  EXPECT_EQ(ports[3].host_address->str(), "::1");
  EXPECT_EQ(ports[4].target_count, 11);
  EXPECT_EQ(ports[4].published_count, 11);
  EXPECT_EQ(ports[5].published_count, 101);
  EXPECT_EQ(ports[5].target_count, 1);
  EXPECT_EQ(ports[6].published_first, 2222);
  EXPECT_EQ(ports[7].published_first, 0);
  EXPECT_EQ(ports[7].host_address->str(), "127.0.0.1");
}

TEST_F(Load, Mounts) {
  options_.environment["HOME"] = "/home/me";
  const auto mounts =
      web("volumes: [\"./a:/a:ro\", \"data:/data\", /anon, \"~/h:/h\", \"/x:/y:rw,rslave\", "
          "{type: tmpfs, target: /t, tmpfs: {size: 1m, mode: 0700}}, "
          "{type: bind, source: b, target: /b, bind: {create_host_path: false}}]\n"
          "tmpfs: [/run, \"/tmp:size=64k,mode=700\"]")
          .mounts;
  ASSERT_EQ(mounts.size(), 9U);
  EXPECT_EQ(mounts[0].source, dir_ + "/a");
  EXPECT_TRUE(mounts[0].read_only);
  EXPECT_EQ(mounts[1].type, MountType::Volume);
  EXPECT_EQ(mounts[1].source, "data");
  EXPECT_EQ(mounts[2].source, "");
  EXPECT_EQ(mounts[3].source, "/home/me/h");
  EXPECT_EQ(mounts[4].propagation, "rslave");
  EXPECT_EQ(mounts[5].tmpfs_size, 1U << 20U);
  EXPECT_EQ(mounts[5].tmpfs_mode, 0700U);
  EXPECT_FALSE(mounts[6].create_host_path);
  EXPECT_EQ(mounts[7].target, "/run");
  EXPECT_EQ(mounts[8].tmpfs_options, "size=64k,mode=700");
  EXPECT_EQ(mounts[8].tmpfs_size, 64U << 10U);
}

TEST_F(Load, EnvironmentPrecedence) {
  options_.environment = {{"SHELL_ONLY", "shell"}, {"BOTH", "shell"}};
  write(".env", "BOTH=file\nFILE_ONLY=file\n");
  write("a.env", "X=a\nY=a\nREF=${BOTH}\n");
  write("b.env", "Y=b\n");
  const auto environment =
      web("env_file: [a.env, {path: b.env}, {path: none.env, required: false}]\n"
          "environment: [\"X=own\", SHELL_ONLY, ABSENT, \"V=${BOTH}-${FILE_ONLY}\", \"N=0777\"]")
          .environment;
  const StringMap expected{{"X", "own"},        {"Y", "b"},
                           {"REF", "shell"},    {"SHELL_ONLY", "shell"},
                           {"V", "shell-file"}, {"N", "0777"}};
  EXPECT_EQ(environment, expected);
  EXPECT_EQ(web("environment: {N: 0777, B: yes, T: true}").environment,
            (StringMap{{"N", "511"}, {"B", "yes"}, {"T", "true"}}));
}

TEST_F(Load, ServiceKeys) {
  const Service s = web(
      "command: sh -c 'a b'\nentrypoint: []\nrestart: on-failure:3\ncap_add: [cap_net_admin, all]\n"
      "ulimits: {nofile: 5, nproc: {soft: 1, hard: -1}}\nmem_limit: 64m\ncpus: 0.5\n"
      "deploy: {replicas: 2, resources: {limits: {pids: 9, memory: 64m, cpus: 0.5}}}\nuser: "
      "\"1:2\"\n"
      "extra_hosts: [\"a:10.0.0.1\", \"b=host-gateway\", \"c:[::1]\"]\n"
      "healthcheck: {test: curl x, interval: 1m, retries: 5}\nstop_grace_period: 1m5s\n"
      "dns: 1.1.1.1\nsysctls: [net.core.somaxconn=9]\nlabels: [a=b, c]\n"
      "networks: {back: {aliases: [w], priority: 3}}\nsecurity_opt: [\"no-new-privileges:false\"]\n"
      "devices: [\"/dev/null:/dev/x:r\"]\nlogging: {driver: json-file, options: {max-file: "
      "\"3\"}}");
  EXPECT_EQ(*s.command, (std::vector<std::string>{"sh", "-c", "a b"}));
  EXPECT_TRUE(s.entrypoint && s.entrypoint->empty());
  EXPECT_EQ(s.restart, (RestartPolicy{RestartMode::OnFailure, 3}));
  EXPECT_EQ(s.cap_add, (std::vector<std::string>{"NET_ADMIN", "ALL"}));
  EXPECT_EQ(s.ulimits.at("nproc"), (Ulimit{1, -1}));
  EXPECT_EQ(s.limits.memory, 64U << 20U);
  EXPECT_EQ(s.limits.cpus, 0.5);
  EXPECT_EQ(s.limits.pids, 9);
  EXPECT_EQ(s.replicas, 2U);
  EXPECT_EQ(s.extra_hosts, (std::vector<std::string>{"a=10.0.0.1", "b=host-gateway", "c=::1"}));
  EXPECT_EQ(s.healthcheck->test, (std::vector<std::string>{"CMD-SHELL", "curl x"}));
  EXPECT_EQ(s.healthcheck->interval, std::chrono::minutes(1));
  EXPECT_EQ(s.healthcheck->timeout, Duration(0)) << "left to the image";
  EXPECT_EQ(s.stop_grace_period, std::chrono::seconds(65));
  EXPECT_EQ(s.labels, (StringMap{{"a", "b"}, {"c", ""}}));
  EXPECT_EQ(s.networks[0].aliases, std::vector<std::string>{"w"});
  EXPECT_EQ(s.devices[0], (Device{"/dev/null", "/dev/x", "r"}));
}

TEST_F(Load, MergesSeveralFiles) {
  write("one.yaml",
        "services:\n  web:\n    image: a\n    command: run one\n    ports: [\"80:80\", \"81:81\"]\n"
        "    environment: [A=1, B=1]\n    volumes: [\"/x:/t\"]\n    cap_add: [NET_RAW]\n"
        "    dns: [1.1.1.1]\n    logging: {driver: json-file, options: {tag: v}}\n    tty: true\n");
  write("two.yaml",
        "services:\n  web:\n    image: b\n    command: [run, two]\n    ports: [\"80:80\", "
        "\"82:82\"]\n"
        "    environment: {B: 2, C: 3}\n    volumes: [\"/y:/t\"]\n    cap_add: [NET_RAW, CHOWN]\n"
        "    dns: !override [8.8.8.8]\n    logging: {driver: journald}\n    tty: !reset null\n"
        "  more: {image: c}\n");
  options_.files = {"one.yaml", "two.yaml"};
  const Stack stack = load(options_).stack;
  const Service& web = stack.services.at("web");
  EXPECT_EQ(web.image.value, "b");
  EXPECT_EQ(web.image.place.file, 1U);
  EXPECT_EQ(*web.command, (std::vector<std::string>{"run", "two"}));
  EXPECT_EQ(web.ports.size(), 3U);
  EXPECT_EQ(web.environment, (StringMap{{"A", "1"}, {"B", "2"}, {"C", "3"}}));
  ASSERT_EQ(web.mounts.size(), 1U);
  EXPECT_EQ(web.mounts[0].source, "/y");
  EXPECT_EQ(web.cap_add, (std::vector<std::string>{"NET_RAW", "CHOWN"}));
  EXPECT_EQ(web.dns, std::vector<std::string>{"8.8.8.8"});
  EXPECT_TRUE(web.logging.options.empty());
  EXPECT_FALSE(web.tty);
  EXPECT_EQ(stack.services.size(), 2U);
}

TEST_F(Load, DiscoversFilesAndNames) {
  write("Pro_Ject/compose.yml", "services: {web: {image: a}}\n");
  write("Pro_Ject/compose.override.yaml", "services: {web: {image: b}}\n");
  std::filesystem::create_directories(dir_ + "/Pro_Ject/deep/er");
  options_.working_dir = dir_ + "/Pro_Ject/deep/er";
  const Stack stack = load(options_).stack;
  EXPECT_EQ(stack.name, "pro_ject");
  EXPECT_EQ(stack.working_dir, dir_ + "/Pro_Ject");
  EXPECT_EQ(stack.services.at("web").image.value, "b");
  options_.environment["COMPOSE_PROJECT_NAME"] = "env";
  EXPECT_EQ(load(options_).stack.name, "env");
  options_.project_name = "flag";
  EXPECT_EQ(load(options_).stack.name, "flag");
  options_.environment["COMPOSE_FILE"] = "../../compose.yml:../../compose.override.yaml";
  EXPECT_EQ(find_files(options_).size(), 2U);
  options_.environment["COMPOSE_FILE"] = "../../compose.yml";
  EXPECT_EQ(load(options_).stack.services.at("web").image.value, "a");
}

TEST_F(Load, StackYamlNeedsServices) {
  write("stack.yaml", "resolver: lts-1\n");
  EXPECT_TRUE(find_files(options_).empty());
  write("stack.yaml", "services: {web: {image: a}}\n");
  EXPECT_EQ(find_files(options_).size(), 1U);
}

TEST_F(Load, Profiles) {
  const std::string text =
      "services: {web: {image: a}, debug: {image: b, profiles: [dev]}, x: {image: c, profiles: "
      "[t]}}";
  EXPECT_EQ(load_text(text).services.size(), 1U);
  options_.profiles = {"dev"};
  EXPECT_EQ(load_text(text).services.size(), 2U);
  options_.profiles = {"*"};
  EXPECT_EQ(load_text(text).services.size(), 3U);
  options_.profiles.clear();
  options_.environment["COMPOSE_PROFILES"] = "dev,t";
  EXPECT_EQ(load_text(text).services.size(), 3U);
}

TEST_F(Load, ImplicitDependencies) {
  const Stack stack = load_text(
      "services: {a: {image: x, network_mode: \"service:b\"}, b: {image: x, links: [\"c:d\"]}, "
      "c: {image: x, depends_on: {e: {condition: service_healthy, required: false}}}, "
      "e: {image: x, profiles: [other]}}");
  EXPECT_EQ(stack.services.at("a").depends_on.at(0).service, "b");
  EXPECT_TRUE(stack.services.at("a").depends_on.at(0).implicit);
  EXPECT_EQ(stack.services.at("a").network_mode.kind, NetworkModeKind::Service);
  EXPECT_TRUE(stack.services.at("a").networks.empty());
  EXPECT_EQ(stack.services.at("b").depends_on.at(0).service, "c");
  EXPECT_TRUE(stack.services.at("c").depends_on.empty());
}

TEST_F(Load, NetworksAndVolumes) {
  const Stack stack = load_text(
      "name: shop\nservices: {a: {image: x, networks: {n: {ipv4_address: 10.9.0.5}, e: }, "
      "volumes: [\"vv:/v\", \"ww:/w\"]}}\nnetworks: {n: {internal: true, ipam: {config: [{subnet: "
      "10.9.0.0/24, gateway: 10.9.0.1}]}}, e: {external: true, name: other}, unused: {}}\n"
      "volumes: {vv: , ww: {external: {name: real}}}\n");
  EXPECT_EQ(stack.networks.size(), 2U);
  EXPECT_EQ(stack.networks.at("n").name, "shop_n");
  EXPECT_TRUE(stack.networks.at("n").internal);
  EXPECT_EQ(stack.networks.at("n").subnets.at(0).str(), "10.9.0.0/24");
  EXPECT_EQ(stack.networks.at("e").name, "other");
  EXPECT_TRUE(stack.networks.at("e").external);
  EXPECT_EQ(stack.volumes.at("vv").name, "shop_vv");
  EXPECT_EQ(stack.volumes.at("ww").name, "real");
}

TEST_F(Load, PortsOnOtherAddressesOrProtocolsDoNotCollide) {
  EXPECT_EQ(refusal("services: {a: {image: x, ports: [\"127.0.0.1:80:80\", \"53:53/udp\"]}, "
                    "b: {image: x, ports: [\"127.0.0.2:80:80\", \"53:53\"]}}"),
            "accepted");
  EXPECT_NE(refusal("services: {a: {image: x, ports: [\"8000-8010:8000-8010\"]}, "
                    "b: {image: x, ports: [\"8005:80\"]}}")
                .find("8005"),
            std::string::npos);
}

TEST_F(Load, SaysEverythingAtOnceInOrder) {
  write("compose.yaml",
        "services:\n  b: {image: x, networks: [no]}\n  a: {image: x, restart: never}\n  c: {}\n");
  try {
    load(options_);
    FAIL();
  } catch (const SpecError& error) {
    ASSERT_EQ(error.diagnostics().size(), 3U);
    EXPECT_EQ(error.diagnostics()[0].place.line, 2U);
    EXPECT_EQ(error.diagnostics()[1].place.line, 3U);
    EXPECT_EQ(error.diagnostics()[2].place.line, 4U);
  }
}

TEST_F(Load, MissingFileIsAnError) {
  EXPECT_THROW(load(options_), base::Error);
  options_.files = {"absent.yaml"};
  EXPECT_THROW(load(options_), base::Error);
  options_.files = {"."};
  EXPECT_THROW(load(options_), base::Error);
}

TEST_F(Load, CanonicalTextReadsBackTheSame) {
  write("compose.yaml",
        "services:\n  web:\n    image: nginx\n    command: 'echo $$HOME \"a: b\" yes 08'\n"
        "    environment: {A: \"x\\ny\", B: \"12\", C: \"#no\", D: \"- x\", E: \"\"}\n"
        "    ports: [\"80-82:80-82\"]\n    mem_limit: 1g\n    labels: {k: \"{a}\"}\n"
        "    healthcheck: {test: [CMD, a], interval: 90s}\n");
  const Stack first = load(options_).stack;
  const std::string json = to_json(first);
  write("again.yaml", to_yaml(first));
  options_.files = {"again.yaml"};
  EXPECT_EQ(to_json(load(options_).stack), json);
  write("again.yaml", json);
  EXPECT_EQ(to_json(load(options_).stack), json);
  EXPECT_NE(json.find("$$HOME"), std::string::npos);
  EXPECT_NE(json.find("\"1m30s\""), std::string::npos);
  EXPECT_NE(json.find("\"1073741824\""), std::string::npos);
}

TEST_F(Load, ManyServices) {
  std::string text = "services:\n";
  for (int i = 0; i < 1000; ++i) {
    const std::string n = std::to_string(i);
    text +=
        "  s" + n + ":\n    image: nginx\n    ports: [\"" + std::to_string(10000 + i) + ":80\"]\n";
    if (i != 0) text += "    depends_on: [s" + std::to_string(i - 1) + "]\n";
  }
  EXPECT_EQ(load_text(text).services.size(), 1000U);
}

}  // namespace
}  // namespace spec
