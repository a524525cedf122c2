// extends, include, profiles, tags, several documents, env files, and the flags of `config`.
#include "unit/spec_support.hpp"

namespace spec {
namespace {

using Pipeline = StackFolder;
using testing::Test;

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_F(Pipeline, ExtendsOfTheSameFile) {
  write("compose.yaml",
        "services:\n"
        "  base: {image: a, environment: {A: 1, B: 1}, ports: [80], command: run base}\n"
        "  mid: {extends: base, environment: [B=2], ports: [81]}\n"
        "  web: {extends: {service: mid}, image: w, environment: {C: 3}, command: null}\n");
  const Service web = service("web");
  EXPECT_EQ(web.image.value, "w");
  EXPECT_EQ(web.environment, (StringMap{{"A", "1"}, {"B", "2"}, {"C", "3"}}));
  EXPECT_EQ(web.ports.size(), 2U);
  EXPECT_FALSE(web.command);
}

TEST_F(Pipeline, ExtendsOfAnotherFileKeepsItsPaths) {
  write("lib/base.yaml",
        "services:\n"
        "  base: {image: a, volumes: [\"./data:/data\"], extends: {file: deep/root.yaml, "
        "service: root}}\n"
        "  wrong: {imgae: x}\n");
  write("lib/deep/root.yaml", "services: {root: {build: ., env_file: [r.env], labels: {l: r}}}\n");
  write("lib/deep/r.env", "R=1\n");
  write("compose.yaml",
        "services: {web: {extends: {file: lib/base.yaml, service: base}, labels: [m=w]}}\n");
  const Service web = service("web");
  EXPECT_EQ(web.mounts.at(0).source, dir_ + "/lib/data");
  EXPECT_EQ(web.extras.build->context, dir_ + "/lib/deep");
  EXPECT_EQ(web.environment, (StringMap{{"R", "1"}}));
  EXPECT_EQ(web.labels, (StringMap{{"l", "r"}, {"m", "w"}}));
}

TEST_F(Pipeline, ExtendsTakesTagsIntoAccount) {
  write(
      "compose.yaml",
      "services:\n"
      "  base: {image: a, ports: [\"80:80\"], environment: {A: 1, B: 1}, dns: [1.1.1.1]}\n"
      "  web: {extends: base, ports: !reset [], environment: !override {C: 1}, dns: [8.8.8.8]}\n");
  const Service web = service("web");
  EXPECT_TRUE(web.ports.empty());
  EXPECT_EQ(web.environment, (StringMap{{"C", "1"}}));
  EXPECT_EQ(web.dns, (std::vector<std::string>{"1.1.1.1", "8.8.8.8"}));
}

TEST_F(Pipeline, ExtendsThatCannotBe) {
  EXPECT_TRUE(has(refusal("services:\n  a: {image: x, extends: b}\n  b: {image: x, extends: c}\n"
                          "  c: {image: x, extends: a}\n"),
                  "a -> b -> c -> a"));
  EXPECT_TRUE(has(refusal("services: {web: {image: x, extends: bas}, base: {image: x}}"),
                  "did you mean 'base'?"));
  EXPECT_TRUE(has(refusal("services: {web: {extends: {file: none.yaml, service: x}}}"),
                  "compose.yaml:1:34: error: "));
  EXPECT_TRUE(has(refusal("services: {web: {extends: {file: other.yaml}}}"), "service"));
}

TEST_F(Pipeline, IncludeHasItsOwnFolderAndVariables) {
  write("compose.yaml",
        "include:\n"
        "  - db/compose.yaml\n"
        "  - {path: [cache/a.yaml, cache/b.yaml], project_directory: other, env_file: c.env}\n"
        "services: {web: {image: x, depends_on: [db, cache]}}\n");
  write(".env", "TAG=outer\n");
  write("c.env", "CACHE=seven\nTAG=never\n");
  write("db/.env", "TAG=never\nDB=ten\n");
  write("db/compose.yaml", "services: {db: {image: \"db:${DB}-${TAG}\", volumes: [\"./d:/d\"]}}\n");
  write("cache/a.yaml", "services: {cache: {image: \"cache:${CACHE}\", volumes: [\"./c:/c\"]}}\n");
  write("cache/b.yaml", "services: {cache: {labels: [over=1]}}\n");
  const Stack stack = load(options_).stack;
  EXPECT_EQ(stack.services.at("db").image.value, "db:ten-outer");
  EXPECT_EQ(stack.services.at("db").mounts.at(0).source, dir_ + "/db/d");
  EXPECT_EQ(stack.services.at("cache").image.value, "cache:seven");
  EXPECT_EQ(stack.services.at("cache").mounts.at(0).source, dir_ + "/other/c");
  EXPECT_EQ(stack.services.at("cache").labels.at("over"), "1");
}

TEST_F(Pipeline, IncludedServicesCanBeOverridden) {
  write("compose.yaml", "include: [inc.yaml]\n");
  write("compose.override.yaml", "services: {inc: {command: [new]}}\n");
  write("inc.yaml", "services: {inc: {image: x, command: [old]}}\nnetworks: {n: {}}\n");
  EXPECT_EQ(*service("inc").command, std::vector<std::string>{"new"});
}

TEST_F(Pipeline, IncludeThatCannotBe) {
  write("inc.yaml", "services: {web: {image: other}}\ninclude: [deep.yaml]\n");
  write("deep.yaml", "services: {deep: {image: x}}\n");
  const std::string conflict = refusal("include: [inc.yaml]\nservices: {web: {image: x}}\n");
  EXPECT_TRUE(has(conflict, "compose.yaml:2:12: error: services: 'web' is also defined"));
  EXPECT_TRUE(has(conflict, "inc.yaml:1:12: note: included from here"));
  write("deep.yaml", "include: [compose.yaml]\n");
  EXPECT_TRUE(has(refusal("include: [inc.yaml]\n"), "compose.yaml -> inc.yaml -> deep.yaml -> "));
  EXPECT_TRUE(has(refusal("include: [{path: inc.yaml, env_file: none.env}]\n"), "none.env"));
}

TEST_F(Pipeline, TagsOfLaterFiles) {
  write("one.yaml",
        "services:\n  web: {image: a, ports: [\"80:80\"], environment: {A: 1, B: 2}, tty: true}\n"
        "  gone: {image: x}\n");
  write("two.yaml",
        "services:\n  web: {ports: !override [\"90:90\"], environment: {A: !reset null}}\n"
        "  gone: !reset null\n");
  write("three.yaml", "services: {web: {environment: {A: again}}}\n");
  options_.files = {"one.yaml", "two.yaml"};
  Stack stack = load(options_).stack;
  EXPECT_EQ(stack.services.size(), 1U);
  EXPECT_EQ(stack.services.at("web").ports.at(0).published_first, 90);
  EXPECT_EQ(stack.services.at("web").environment, (StringMap{{"B", "2"}}));
  options_.files.push_back("three.yaml");
  EXPECT_EQ(service("web").environment, (StringMap{{"A", "again"}, {"B", "2"}}));
}

TEST_F(Pipeline, SeveralDocumentsAreMerged) {
  write("compose.yaml",
        "services: {web: {image: a, labels: {x: 1}}}\n---\nservices: {web: {image: b}}\n");
  EXPECT_EQ(service("web").image.value, "b");
  EXPECT_EQ(service("web").labels.at("x"), "1");
}

TEST_F(Pipeline, WhatALaterFileDoesNotSayStays) {
  write("one.yaml",
        "services: {db: {image: x}, web: {image: a, depends_on: {db: {condition: service_healthy, "
        "required: false}}}}\n");
  write("two.yaml", "services: {web: {depends_on: {db: {restart: true}}}}\n");
  options_.files = {"one.yaml", "two.yaml"};
  const Dependency dependency = service("web").depends_on.at(0);
  EXPECT_EQ(dependency.condition, Condition::Healthy);
  EXPECT_TRUE(dependency.restart);
  EXPECT_FALSE(dependency.required);
}

TEST_F(Pipeline, AnEnvironmentWithoutValueHidesTheEnvFile) {
  write("a.env", "GONE=file\nKEPT=file\n");
  write("labels.env", "l=file\nm=file\n");
  write("compose.yaml",
        "services: {web: {image: x, env_file: a.env, environment: [GONE], label_file: labels.env, "
        "labels: {m: own}}}\n");
  EXPECT_EQ(service("web").environment, (StringMap{{"KEPT", "file"}}));
  EXPECT_EQ(service("web").labels, (StringMap{{"l", "file"}, {"m", "own"}}));
}

TEST_F(Pipeline, RawEnvFile) {
  write("raw.env", "A=$HOME 'x' # no\nB=\"q\"\n");
  write("compose.yaml", "services: {web: {image: x, env_file: [{path: raw.env, format: raw}]}}\n");
  EXPECT_EQ(service("web").environment, (StringMap{{"A", "$HOME 'x' # no"}, {"B", "\"q\""}}));
  EXPECT_TRUE(has(refusal("services: {web: {image: x, env_file: [{path: raw.env, format: r}]}}"),
                  "the format 'r' is not known"));
}

TEST_F(Pipeline, ProfilesOfTheFlagBeatTheVariable) {
  write("compose.yaml",
        "services: {a: {image: x, profiles: [one]}, b: {image: x, profiles: [two]}}\n");
  options_.environment["COMPOSE_PROFILES"] = "one, three";
  EXPECT_EQ(load(options_).stack.services.count("a"), 1U);
  options_.profiles = {"two"};
  const Loaded loaded = load(options_);
  EXPECT_EQ(loaded.stack.services.count("a"), 0U);
  EXPECT_EQ(loaded.stack.services.count("b"), 1U);
  EXPECT_EQ(loaded.inactive.at("a"), "one");
}

TEST_F(Pipeline, NamedServicesBringWhatTheyNeed) {
  write("compose.yaml",
        "services:\n  web: {image: x, depends_on: [db], networks: [n]}\n  db: {image: x}\n"
        "  other: {image: x, volumes: [\"vol:/v\"]}\n  debug: {image: x, profiles: [d]}\n"
        "networks: {n: {}}\nvolumes: {vol: {}}\n");
  options_.services = {"web"};
  const Stack stack = load(options_).stack;
  EXPECT_EQ(stack.services.size(), 2U);
  EXPECT_FALSE(has(to_yaml(stack), "vol"));
  options_.services = {"debug"};
  EXPECT_EQ(load(options_).stack.services.count("debug"), 1U);
  options_.services = {"wbe"};
  EXPECT_THROW(load(options_), base::Error);
}

TEST_F(Pipeline, CirclesOfDependenciesAreShown) {
  const std::string text = refusal(
      "services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, links: [c]}\n"
      "  c: {image: x, network_mode: \"service:a\"}\n");
  EXPECT_TRUE(has(text, "a -> b -> c -> a")) << text;
  EXPECT_TRUE(has(text, "compose.yaml:3:25: note: b depends on c here")) << text;
}

TEST_F(Pipeline, WhatOnlyRunningShowsIsAWarningForConfig) {
  write("compose.yaml",
        "services:\n  a: {image: \"Bad Name\", ports: [\"80:80\"], volumes: [\"/x:/proc\"]}\n"
        "  b: {image: x, ports: [\"80:81\"], restart: sometimes}\n");
  const std::string text = refusal();
  EXPECT_TRUE(has(text, "names no image"));
  EXPECT_TRUE(has(text, "port 80 of the host is taken by service a"));
  EXPECT_TRUE(has(text, "/proc is the kernel's"));
  EXPECT_TRUE(has(text, "restart policy 'sometimes'"));
  options_.to_run = false;
  EXPECT_EQ(load(options_).warnings.size(), 4U);
}

TEST_F(Pipeline, APortOfTheHostIsTakenAtOneFamily) {
  const struct {
    const char* one;
    const char* other;
    bool taken;
  } cases[] = {
      {"192.168.1.2:53:53/udp", "[::]:53:53/udp", false},
      {"0.0.0.0:80:80", "[::1]:80:80", false},
      {"0.0.0.0:80:80", "[::]:80:80", false},
      {"0.0.0.0:80:80", "127.0.0.1:80:80", true},
      {"[::]:80:80", "[::1]:80:80", true},
      {"80:80", "[::1]:80:80", true},
      {"127.0.0.1:80:80", "127.0.0.2:80:80", false},
  };
  for (const auto& test : cases) {
    const std::string text =
        refusal(base::cat("services:\n  a: {image: x, ports: ['", test.one,
                          "']}\n  b: {image: x, ports: ['", test.other, "']}\n"));
    EXPECT_EQ(has(text, "of the host is taken"), test.taken) << test.one << " " << text;
    EXPECT_EQ(text == "accepted", !test.taken) << text;
  }
}

TEST_F(Pipeline, UnlimitedSwapNeedsNoMemoryLimit) {
  const std::string file = "services:\n  a: {image: x, memswap_limit: ";
  EXPECT_EQ(refusal(file + "-1}\n"), "accepted");
  EXPECT_EQ(refusal(file + "0}\n"), "accepted");
  EXPECT_TRUE(has(refusal(file + "1g}\n"),
                  "compose.yaml:2:32: error: service a: memswap_limit needs mem_limit"));
}

TEST_F(Pipeline, PortsThatNothingReachesAreWarnings) {
  write("compose.yaml",
        "services:\n"
        "  a: {image: x, ports: [\"80:80\"], network_mode: none}\n"
        "  b: {image: x, ports: [\"80:81\"], network_mode: host}\n"
        "  c: {image: x, ports: [\"80:82\"], networks: [in]}\n"
        "  d: {image: x, ports: [\"80:83\"], networks: [in, default]}\n"
        "networks: {in: {internal: true}}\n");
  const std::vector<Diagnostic> warnings = load(options_).warnings;
  ASSERT_EQ(warnings.size(), 3U);
  EXPECT_EQ(warnings[0].text, "service a: ports have no effect with network_mode none");
  EXPECT_EQ(warnings[1].text, "service b: ports have no effect with network_mode host");
  EXPECT_EQ(warnings[2].text, "service c: ports have no effect, it is on internal networks only");
  for (std::uint32_t i = 0; i < 3; ++i) EXPECT_EQ(warnings[i].place.line, i + 2);
}

TEST_F(Pipeline, DriverOptsOfNetworks) {
  write("compose.yaml",
        "services:\n"
        "  a: {image: x, ports: [\"80:80\", \"127.0.0.9:81:81\"], networks: [n, other]}\n"
        "networks:\n  other:\n  n:\n    driver_opts:\n"
        "      com.docker.network.driver.mtu: 1400\n"
        "      com.docker.network.bridge.host_binding_ipv4: 127.0.0.1\n"
        "      com.docker.network.bridge.name: br0\n");
  const Loaded loaded = load(options_);
  ASSERT_EQ(loaded.warnings.size(), 1U);
  EXPECT_EQ(loaded.warnings[0].text,
            "network n: the option com.docker.network.bridge.name has no effect yet");
  EXPECT_EQ(loaded.warnings[0].place.line, 9U);
  const std::vector<Port>& ports = loaded.stack.services.at("a").ports;
  EXPECT_EQ(ports[0].host_address->str(), "127.0.0.1");
  EXPECT_EQ(ports[1].host_address->str(), "127.0.0.9");
  EXPECT_TRUE(
      has(refusal("services: {a: {image: x, networks: [n]}}\nnetworks:\n  n:\n"
                  "    driver_opts: {com.docker.network.bridge.host_binding_ipv4: \"::1\"}\n"),
          "'::1' is not an IPv4 address"));
}

TEST_F(Pipeline, DriverOptsOfVolumes) {
  const struct {
    const char* volume;
    const char* said;  // "": accepted
  } cases[] = {
      {"driver_opts: {type: none, o: bind, device: /srv/data}", ""},
      {"driver: local, driver_opts: {type: none, device: /srv/data}", ""},
      {"driver_opts: {type: tmpfs, device: tmpfs, o: \"size=1m,uid=7\"}", ""},
      {"driver_opts: {type: nfs, o: \"addr=192.0.2.1,rw\", device: \":/export\"}",
       "compose.yaml:2:38: error: volume data: a file system of type nfs is not mounted here"},
      {"driver_opts: {type: none, o: bind}", "error: volume data: the folder is not named"},
      {"driver_opts: {type: none, o: bind, device: data}", "'data' is not absolute"},
      {"driver_opts: {type: tmpfs, o: \"sise=1m\"}", "a tmpfs has no option 'sise=1m'"},
      {"driver_opts: {size: 1g}", "the size of a folder cannot be bounded here"},
      {"driver_opts: {share: x}", "the driver local has no option 'share'"},
      {"driver_opts: {device: /srv/data}", "neither a type nor o: bind is given"},
      {"driver: sshfs, driver_opts: {host: x}",
       "the driver 'sshfs' is not here, its driver_opts cannot be honoured"},
  };
  const std::string service = "services: {a: {image: x, volumes: [\"data:/data\"]}}\n";
  for (const auto& test : cases) {
    const std::string volumes = base::cat("volumes: {data: {", test.volume, "}}\n");
    const std::string text = refusal(service + volumes);
    EXPECT_TRUE(*test.said == '\0' ? text == "accepted" : has(text, test.said)) << text;
    options_.to_run = false;
    EXPECT_EQ(refusal(), "accepted") << "config prints it";
    options_.to_run = true;
    EXPECT_EQ(refusal("services: {a: {image: x}}\n" + volumes), "accepted") << "nobody uses it";
  }
  write("compose.yaml", service +
                            "volumes: {data: {driver_opts: {type: none, o: \"bind,noexec\", "
                            "device: /srv/data}}}\n");
  ASSERT_EQ(load(options_).warnings.size(), 1U);
  EXPECT_EQ(load(options_).warnings[0].text, "volume data: the option 'noexec' has no effect yet");
}

TEST_F(Pipeline, ConsistencyOfTheReferenceLoader) {
  const struct {
    const char* keys;
    const char* said;
  } cases[] = {
      {"image: x, secrets: [tls_cret]", "did you mean 'tls_cert'?"},
      {"image: x, configs: [none]", "the config 'none' is not defined"},
      {"image: x, models: [none]", "the model 'none' is not defined"},
      {"image: x, build: {context: ., secrets: [none]}", "the secret 'none' is not defined"},
      {"image: x, volumes: [\"/a:/t\"], tmpfs: [/t]", "/t is mounted twice"},
      {"build: {context: ., dockerfile: a, dockerfile_inline: b}", "exclude each other"},
      {"platform: linux/amd64, build: {context: ., platforms: [linux/arm64]}", "linux/amd64"},
      {"build: {context: ., additional_contexts: {c: \"service:other\"}}", "is not defined"},
      {"image: x, develop: {watch: [{path: ., action: sync}]}", "needs a target"},
      {"image: x, develop: {watch: [{path: .}]}", "needs the key action"},
      {"image: x, cpus: 1, deploy: {resources: {limits: {memory: 1g}}}", "has no cpus"},
      {"image: x, scale: 2, deploy: {replicas: 3}", "scale says 2"},
      {"image: x, scale: -1", "no number of containers"},
      {"image: x, depends_on: {web2: {restart: true}}", "needs the key condition"},
      {"image: x, gpus: [{count: 1, device_ids: [a]}]", "count and device_ids exclude each other"},
      {"image: x, cgroup: hots", "did you mean 'host'?"},
      {"image: x, networks: [n, n]", "'n' is given twice"},
      {"image: x, group_add: [1, 1]", "'1' is given twice"},
  };
  for (const auto& each : cases) {
    const std::string text = refusal(std::string("services: {web: {") + each.keys +
                                     "}}\nnetworks: {n: {}}\nsecrets: {tls_cert: {file: x}}\n");
    EXPECT_TRUE(has(text, each.said)) << each.keys << "\n" << text;
  }
}

TEST_F(Pipeline, ObjectsNeedOneSource) {
  EXPECT_TRUE(has(refusal("services: {w: {image: x}}\nsecrets: {s: {}}\n"), "says nowhere"));
  EXPECT_TRUE(has(refusal("services: {w: {image: x}}\nconfigs: {c: {file: a, content: b}}\n"),
                  "exclude each other"));
  EXPECT_TRUE(has(refusal("services: {w: {image: x}}\nvolumes: {v: {external: true, driver: d}}"),
                  "external and driver exclude each other"));
}

TEST_F(Pipeline, KeysWithoutEffectAreTyped) {
  write("compose.yaml",
        "services:\n"
        "  web:\n"
        "    image: x\n"
        "    secrets: [{source: s, target: t, mode: 0440, uid: \"5\"}]\n"
        "    configs: [c]\n"
        "    build: {context: ., args: {A: 1, NONE: }, ssh: [default, k=/p], no_cache: \"yes\"}\n"
        "    deploy: {update_config: {parallelism: 0, delay: 1m30s}, placement: {preferences: "
        "[{spread: z}]}}\n"
        "    blkio_config: {device_read_bps: [{path: /dev/a, rate: 1mb}]}\n"
        "    post_start: [{command: echo a, user: u}]\n"
        "    gpus: all\n"
        "    provider: {type: t, options: {o: 1, p: [a, b]}}\n"
        "    develop: {watch: [{path: src, action: sync, target: /t, ignore: x}]}\n"
        "secrets: {s: {environment: SECRET}}\n"
        "configs: {c: {content: \"a: $$b\"}}\n");
  options_.environment["SECRET"] = "word";
  const Loaded loaded = load(options_);
  const ServiceExtras& extras = loaded.stack.services.at("web").extras;
  EXPECT_EQ(extras.secrets.at(0).mode, 0440U);
  EXPECT_EQ(extras.secrets.at(0).uid, "5");
  EXPECT_EQ(extras.build->args, (StringMap{{"A", "1"}}));
  EXPECT_EQ(extras.build->ssh, (std::vector<std::string>{"default", "k=/p"}));
  EXPECT_TRUE(extras.build->no_cache);
  EXPECT_EQ(extras.deploy->update->parallelism, 0U);
  EXPECT_EQ(extras.deploy->update->delay, std::chrono::seconds(90));
  EXPECT_EQ(extras.deploy->spread.at(0), "z");
  EXPECT_EQ(extras.block_limits->read_bps.at("/dev/a"), 1U << 20U);
  EXPECT_EQ(extras.post_start.at(0).command, (std::vector<std::string>{"echo", "a"}));
  EXPECT_EQ(extras.gpus.at(0).count, -1);
  EXPECT_EQ(extras.provider->options.at("p"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(extras.watch.at(0).path, dir_ + "/src");
  EXPECT_EQ(loaded.stack.secrets.at("s").content, "word");
  EXPECT_EQ(loaded.stack.configs.at("c").content, "a: $b");
  EXPECT_FALSE(has(to_json(loaded.stack), "word"));
  // One warning a key, at its place; a key inside of one is not told again.
  std::size_t about_build = 0;
  for (const Diagnostic& each : loaded.warnings) {
    about_build += has(each.text, "services.web.build") ? 1 : 0;
  }
  EXPECT_EQ(about_build, 1U);
}

TEST_F(Pipeline, StagesCanBeLeftOut) {
  write("compose.yaml",
        "services: {web: {image: \"x:${TAG}\", tty: \"${TTY}\", volumes: [\"./a:/a\"], env_file: "
        "[none.env], networks: [none]}}\n");
  options_.stages.interpolate = false;
  std::string text = to_yaml(load(options_).stack, Dollars::AsTheyAre);
  EXPECT_TRUE(has(text, "x:${TAG}") && has(text, "${TTY}")) << text;
  options_.stages = {};
  options_.environment = {{"TAG", "1"}, {"TTY", "no"}};
  EXPECT_TRUE(has(refusal(), "none.env"));
  options_.stages.env_files = false;
  EXPECT_TRUE(has(refusal(), "the network 'none' is not defined"));
  options_.stages.consistency = false;
  options_.stages.resolve_paths = false;
  text = to_yaml(load(options_).stack);
  EXPECT_TRUE(has(text, "source: \"./a\"") || has(text, "source: ./a")) << text;
  options_.stages.normalise = false;
  EXPECT_FALSE(has(to_yaml(load(options_).stack), "p_none"));
}

TEST_F(Pipeline, StrictTakesAnUnsetVariableForAnError) {
  write("compose.yaml", "services: {web: {image: \"x:${TAG}\"}}\n");
  options_.to_run = false;
  EXPECT_EQ(refusal(), "accepted");
  options_.strict = true;
  EXPECT_TRUE(has(refusal(), "compose.yaml:1:28: error: the variable TAG is not set"));
}

TEST_F(Pipeline, KeysArePrintedInTheOrderOfDockerCompose) {
  write("compose.yaml",
        "x-own: {b: 1, a: 2}\nvolumes: {vol: {}}\nservices: {web: {x-note: 1, ports: "
        "[\"80:81\"], image: x, volumes: [\"vol:/v\"], environment: {B: 1, A: 2}}}\n");
  EXPECT_EQ(to_yaml(load(options_).stack),
            "name: p\nservices:\n  web:\n    environment:\n      A: \"2\"\n      B: \"1\"\n"
            "    image: x\n    networks:\n      default: null\n    ports:\n"
            "      - mode: ingress\n        target: 81\n        published: \"80\"\n"
            "        protocol: tcp\n    volumes:\n      - type: volume\n        source: vol\n"
            "        target: /v\n        volume: {}\n    x-note: 1\n"
            "networks:\n  default:\n    name: p_default\nvolumes:\n  vol:\n    name: p_vol\n"
            "x-own:\n  a: 2\n  b: 1\n");
  EXPECT_FALSE(has(to_json(load(options_).stack), "x-note"));
  EXPECT_TRUE(has(to_json(load(options_).stack), "x-own"));
}

TEST_F(Pipeline, VariablesOfTheFolderBeatThoseBesideTheFile) {
  write("compose.yaml", "services: {web: {image: \"${A}-${B}\"}}\n");
  write(".env", "A=file\nB=file\n");
  write("sub/.env", "A=here\n");
  options_.working_dir = dir_ + "/sub";
  EXPECT_EQ(service("web").image.value, "here-file");
  options_.environment["COMPOSE_DISABLE_ENV_FILE"] = "1";
  options_.to_run = false;
  EXPECT_EQ(service("web").image.value, "-");
}

TEST_F(Pipeline, CopiesOfServicesAreBounded) {
  std::string text = "services:\n  base:\n    image: x\n    labels:\n";
  for (int i = 0; i < 2000; ++i) text += "      l" + std::to_string(i) + ": v\n";
  for (int i = 0; i < 2000; ++i) text += "  s" + std::to_string(i) + ": {extends: base}\n";
  EXPECT_TRUE(has(refusal(text), "extends copies more than 100000 values"));
}

TEST_F(Pipeline, CommandsAreTakenApartAsDockerComposeDoes) {
  write("compose.yaml",
        "services: {web: {image: x, command: 'a \"b c\" d\\ e `f g` $$(h i) && j > k'}}\n");
  const Loaded loaded = load(options_);
  EXPECT_EQ(*loaded.stack.services.at("web").command,
            (std::vector<std::string>{"a", "b c", "d e", "`f g`", "$(h i)"}));
  ASSERT_EQ(loaded.warnings.size(), 1U);
  EXPECT_TRUE(has(loaded.warnings[0].text, "'&& j > k' is dropped"));
}

}  // namespace
}  // namespace spec
