#include <gtest/gtest.h>

#include "base/text.hpp"
#include "cli/arguments.hpp"

namespace {

using cli::Arguments;
using cli::parse_arguments;
using Words = std::vector<std::string>;

Words words(const std::string& line) {
  return line.empty() ? Words{} : base::split(line, ' ');
}

// The parsed options as one line, for a table.
std::string shown(const Arguments& a) {
  std::string out = a.command;
  const auto list = [&](const char* name, const Words& values) {
    if (!values.empty()) out += base::cat(" ", name, "=", base::join(values, ","));
  };
  const auto flag = [&](const char* name, bool on) {
    if (on) out += base::cat(" ", name);
  };
  list("files", a.globals.files);
  list("env_files", a.globals.env_files);
  list("profiles", a.globals.profiles);
  if (!a.globals.project_name.empty()) out += " project=" + a.globals.project_name;
  if (!a.globals.root.empty()) out += " root=" + a.globals.root;
  flag("dry-run", a.globals.dry_run);
  flag("ansi-never", a.globals.ansi == cli::Ansi::Never);
  flag("progress-json", a.globals.progress == cli::ProgressMode::Json);
  flag("detach", a.up.detach || a.exec.detach);
  flag("wait", a.up.wait);
  if (a.up.wait_timeout) out += base::cat(" wait-timeout=", *a.up.wait_timeout);
  flag("force", a.up.force_recreate || a.object.force);
  flag("no-deps", a.up.no_deps);
  flag("orphans", a.up.remove_orphans || a.down.remove_orphans);
  for (const auto& entry : a.up.scale) out += base::cat(" ", entry.first, "*", entry.second);
  flag("volumes", a.down.volumes || a.config.volumes || a.remove.volumes);
  flag("abort-exit", a.up.abort_on_exit);
  flag("abort-failure", a.up.abort_on_failure);
  if (!a.up.exit_code_from.empty()) out += " code-from=" + a.up.exit_code_from;
  list("attach", a.up.attach);
  list("no-attach", a.up.no_attach);
  flag("attach-deps", a.up.attach_dependencies);
  flag("recreate-deps", a.up.recreate_dependencies);
  flag("renew", a.up.renew_volumes);
  flag("build", a.up.build);
  if (!a.down.images.empty()) out += " rmi=" + a.down.images;
  flag("restart-no-deps", a.restart.no_deps);
  flag("stop-first", a.remove.stop);
  flag("ignore-failures", a.image.ignore_failures);
  flag("ignore-buildable", a.image.ignore_buildable);
  flag("include-deps", a.image.dependencies);
  if (a.stop_timeout) out += base::cat(" stop=", *a.stop_timeout);
  flag("detailed", a.plan.detailed_exitcode);
  if (!a.plan.out.empty()) out += " out=" + a.plan.out;
  flag("all", a.list.all);
  flag("quiet", a.list.quiet || a.config.quiet);
  flag("services", a.list.services || a.config.services);
  flag("strict", a.config.strict);
  flag("no-interpolate", a.config.no_interpolate);
  if (!a.config.explain.empty()) out += " explain=" + a.config.explain;
  if (!a.config.hash.empty()) out += " hash=" + a.config.hash;
  flag("follow", a.logs.follow);
  flag("timestamps", a.logs.timestamps);
  if (a.logs.tail) out += base::cat(" tail=", *a.logs.tail);
  flag("no-prefix", a.logs.no_prefix);
  flag("no-tty", a.exec.no_tty);
  flag("privileged", a.exec.privileged);
  if (!a.exec.user.empty()) out += " user=" + a.exec.user;
  list("env", a.exec.environment);
  if (a.index != 0) out += base::cat(" index=", a.index);
  if (!a.format.empty()) out += " format=" + a.format;
  if (a.port.port != 0) out += base::cat(" port=", a.port.port, "/", a.port.protocol);
  list("subnets", a.object.subnets);
  list("names", a.names);
  list("argv", a.exec.argv);
  return out;
}

struct Case {
  const char* line;
  const char* expected;
};

class Accepted : public testing::TestWithParam<Case> {};
TEST_P(Accepted, Parses) {
  const auto parsed = parse_arguments(words(GetParam().line));
  ASSERT_FALSE(parsed.exit) << parsed.err;
  EXPECT_EQ(shown(parsed.arguments), GetParam().expected);
}
INSTANTIATE_TEST_SUITE_P(
    Table, Accepted,
    testing::Values(
        Case{"up -f a.yaml -f b.yaml web -d db", "up files=a.yaml,b.yaml detach names=web,db"},
        Case{"-f a.yaml up -f b.yaml", "up files=a.yaml,b.yaml"},
        Case{"up -f - --wait --wait-timeout 30", "up files=- detach wait wait-timeout=30"},
        Case{"up --scale web=3 --scale db=0 web", "up db*0 web*3 names=web"},
        Case{"up --force-recreate --no-deps --remove-orphans -t 3",
             "up force no-deps orphans stop=3"},
        Case{"--dry-run up", "up dry-run"}, Case{"up --dry-run", "up dry-run"},
        Case{"up --exit-code-from web", "up abort-exit code-from=web"},
        Case{"up --abort-on-container-failure --exit-code-from web",
             "up abort-failure code-from=web"},
        Case{"up --attach a --attach b --no-attach c web", "up attach=a,b no-attach=c names=web"},
        Case{"up -V --attach-dependencies --always-recreate-deps -y --menu=false --quiet-build",
             "up attach-deps recreate-deps renew"},
        Case{"up --build -d", "up detach build"}, Case{"up --no-start", "up detach"},
        Case{"create --build -y web", "create build names=web"},
        Case{"run --build -it web sh", "run build names=web"},
        Case{"down --rmi all -v", "down volumes rmi=all"},
        Case{"restart --no-deps -t 1 web", "restart restart-no-deps stop=1 names=web"},
        Case{"rm -fsv web", "rm volumes stop-first names=web"},
        Case{"start --wait --wait-timeout 3", "start detach wait wait-timeout=3"},
        Case{"pull --ignore-buildable --include-deps", "pull ignore-buildable include-deps"},
        Case{"push --ignore-push-failures --include-deps", "push ignore-failures include-deps"},
        // A service may have the name of a command.
        Case{"up down exec", "up names=down,exec"},
        Case{"down -v -t 5 --remove-orphans web", "down orphans volumes stop=5 names=web"},
        Case{"plan --detailed-exitcode --format json", "plan detailed format=json"},
        Case{"plan -o plan.json web", "plan out=plan.json names=web"},
        Case{"plan --out -", "plan out=-"},
        Case{"apply -t 3 plan.json", "apply stop=3 names=plan.json"},
        Case{"apply - --wait --wait-timeout 9", "apply detach wait wait-timeout=9 names=-"},
        Case{"ps -aq --services web", "ps all quiet services names=web"},
        // -f means --follow to logs, and a file before it.
        Case{"-f a.yaml logs -f --tail 5 -t web",
             "logs files=a.yaml follow timestamps tail=5 names=web"},
        Case{"logs --file a.yaml -n all --no-log-prefix", "logs files=a.yaml no-prefix"},
        // Everything after SERVICE is the program's.
        Case{"exec -T -u 0 -e A=b -e C web ls -la -T --help",
             "exec no-tty user=0 env=A=b,C names=web argv=ls,-la,-T,--help"},
        Case{"exec -it web sh", "exec names=web argv=sh"},
        Case{"exec --index 2 -d --privileged web -- x",
             "exec detach privileged index=2 names=web argv=--,x"},
        Case{"-p shop --root /tmp/r --ansi never --progress json ps",
             "ps project=shop root=/tmp/r ansi-never progress-json"},
        Case{"ps -p shop --profile a --profile b --env-file x",
             "ps env_files=x profiles=a,b project=shop"},
        Case{"config -q", "config quiet"}, Case{"config --volumes", "config volumes"},
        Case{"config --explain services.web.image --strict",
             "config strict "
             "explain=services.web.image"},
        Case{"config --hash * --no-interpolate web", "config no-interpolate hash=* names=web"},
        Case{"ls -a --format json", "ls all format=json"},
        Case{"port --protocol udp --index 2 web 53", "port index=2 port=53/udp names=web"},
        Case{"port web 80", "port port=80/tcp names=web"},
        Case{"network create --subnet 10.1.0.0/24 shared",
             "network create subnets=10.1.0.0/24 names=shared"},
        Case{"network rm -f a b", "network rm force names=a,b"},
        Case{"volume ls -q", "volume ls quiet"}, Case{"version -f json", "version format=json"}));

class Refused : public testing::TestWithParam<Case> {};
TEST_P(Refused, SaysWhy) {
  const auto parsed = parse_arguments(words(GetParam().line));
  ASSERT_TRUE(parsed.exit);
  EXPECT_EQ(*parsed.exit, 1);
  EXPECT_EQ(parsed.err.substr(0, parsed.err.find("  see:")), GetParam().expected);
}
INSTANTIATE_TEST_SUITE_P(
    Table, Refused,
    testing::Values(
        Case{"uup", "stack: error: unknown command \"uup\"\n  hint: did you mean \"up\"?\n"},
        Case{"network crate x",
             "stack: error: unknown command \"network crate\"\n  hint: did you mean \"create\"?\n"},
        Case{"up --detatch",
             "stack: error: unknown option --detatch\n  hint: did you mean \"--detach\"?\n"},
        Case{"--bogus up", "stack: error: unknown option --bogus\n"},
        Case{"exec --bogus web ls", "stack: error: unknown option --bogus\n"},
        Case{"exec web",
             "stack: error: exec needs a service and a program\n  hint: stack exec web sh\n"},
        Case{"up --scale web", "stack: error: --scale: takes SERVICE=NUMBER, not \"web\"\n"},
        Case{"up -t x", "stack: error: -t,--timeout: takes a number of seconds, not \"x\"\n"},
        Case{"up -d --abort-on-container-exit",
             "stack: error: --detach and --abort-on-container-exit cannot stand together\n"},
        Case{"up --wait --exit-code-from web",
             "stack: error: --wait and --exit-code-from cannot stand together\n"},
        Case{"up --no-start --attach web",
             "stack: error: --no-start and --attach cannot stand together\n"},
        Case{
            "up --abort-on-container-exit --abort-on-container-failure",
            "stack: error: --abort-on-container-exit and --abort-on-container-failure cannot stand "
            "together\n"},
        Case{"up --attach web --attach-dependencies",
             "stack: error: --attach and --attach-dependencies cannot stand together\n"},
        Case{"up --no-recreate --force-recreate",
             "stack: error: --no-recreate and --force-recreate cannot stand together\n"},
        Case{"up --no-recreate -V",
             "stack: error: --no-recreate and --renew-anon-volumes cannot stand together\n"},
        Case{"create --build --no-build",
             "stack: error: --build and --no-build cannot stand together\n"},
        Case{"up --menu", "stack: error: --menu: there are no shortcuts: Ctrl-C stops\n"},
        Case{"down --rmi some", "stack: error: --rmi: must be local|all, not \"some\"\n"},
        Case{"version x", "stack: error: unexpected argument \"x\"\n"},
        Case{"ps --format xml", "stack: error: --format: must be table|json, not \"xml\"\n"},
        Case{"logs -n -3", "stack: error: --tail: takes a number or \"all\", not \"-3\"\n"},
        Case{"up --ansi sometimes",
             "stack: error: --ansi: must be never|always|auto, not \"sometimes\"\n"}));

TEST(Arguments, HelpOfEveryCommandHasAnExample) {
  for (const char* line : {"",
                           "up",
                           "down",
                           "plan",
                           "apply",
                           "ps",
                           "logs",
                           "exec",
                           "config",
                           "ls",
                           "port",
                           "version",
                           "doctor",
                           "network",
                           "network create",
                           "network ls",
                           "network inspect",
                           "network rm",
                           "network prune",
                           "volume",
                           "volume create",
                           "volume ls",
                           "volume inspect",
                           "volume rm",
                           "volume prune",
                           "pull",
                           "push",
                           "images",
                           "df",
                           "image",
                           "image ls",
                           "image rm",
                           "image inspect",
                           "image prune",
                           "image load",
                           "image save",
                           "image verify",
                           "image pull",
                           "image push"}) {
    Words asked = words(line);
    asked.emplace_back("--help");
    const auto parsed = parse_arguments(asked);
    EXPECT_EQ(parsed.exit.value_or(-1), 0) << line;
    EXPECT_NE(parsed.out.find("Example:\n  stack"), std::string::npos) << line << "\n"
                                                                       << parsed.out;
    EXPECT_NE(parsed.out.find("--project-name"), std::string::npos) << line;
  }
}

TEST(Arguments, VersionBeforeACommandAndVolumesAfterDown) {
  const auto version = parse_arguments({"-v"});
  EXPECT_EQ(version.exit.value_or(-1), 0);
  EXPECT_EQ(version.out, "stack version " STACK_VERSION "\n");
  EXPECT_TRUE(parse_arguments({"down", "-v"}).arguments.down.volumes);
}

TEST(Arguments, Images) {
  const auto up = parse_arguments({"up", "--pull", "always", "--quiet-pull", "--no-build", "-d"});
  EXPECT_FALSE(up.exit);
  EXPECT_EQ(up.arguments.up.pull, "always");
  EXPECT_TRUE(up.arguments.up.quiet_pull);
  const auto load = parse_arguments({"image", "load", "-i", "a.tar", "oci:b"});
  EXPECT_EQ(load.arguments.command, "image load");
  EXPECT_EQ(load.arguments.image.input, "a.tar");
  EXPECT_EQ(load.arguments.names, Words{"oci:b"});
  const auto save = parse_arguments({"image", "save", "-o", "b.tar", "a", "b"});
  EXPECT_EQ(save.arguments.image.output, "b.tar");
  EXPECT_EQ(save.arguments.names, (Words{"a", "b"}));
  const auto pull =
      parse_arguments({"pull", "--policy", "missing", "--ignore-pull-failures", "web"});
  EXPECT_EQ(pull.arguments.image.policy, "missing");
  EXPECT_TRUE(pull.arguments.image.ignore_failures);
  EXPECT_EQ(parse_arguments({"image"}).exit.value_or(-1), 1);
  EXPECT_EQ(parse_arguments({"image", "rm"}).exit.value_or(-1), 1);
}

TEST(Arguments, NoCommandShowsHelp) {
  EXPECT_EQ(parse_arguments({}).exit.value_or(-1), 0);
  EXPECT_EQ(parse_arguments({"network"}).exit.value_or(-1), 1);
}

}  // namespace
