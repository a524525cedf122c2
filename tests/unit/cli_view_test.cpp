#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/context.hpp"
#include "cli/errors.hpp"
#include "cli/log_view.hpp"
#include "cli/ps_view.hpp"
#include "cli/table.hpp"
#include "cli/wait_healthy.hpp"

namespace {

using namespace std::chrono_literals;
using planner::ActualContainer;
using planner::ContainerStatus;
using planner::Health;

TEST(Table, ColumnsAreTenWideAndPaddedByThree) {
  cli::Table table({"NAME", "STATUS", "PORTS"});
  table.add({"a-rather-long-name", "Up", "80"});
  table.add({"ünï", "Exited (0)", ""});
  EXPECT_EQ(table.str(),
            "NAME                 STATUS       PORTS\n"
            "a-rather-long-name   Up           80\n"
            "ünï                  Exited (0)\n");
}

TEST(PsView, Ages) {
  const std::vector<std::pair<std::chrono::seconds, std::string>> cases{
      {0s, "Less than a second"}, {1s, "1 second"},           {59s, "59 seconds"},
      {60s, "About a minute"},    {119s, "About a minute"},   {120s, "2 minutes"},
      {3599s, "59 minutes"},      {3600s, "About an hour"},   {7200s, "2 hours"},
      {172800s, "2 days"},        {86400s * 20, "2 weeks"},   {86400s * 90, "3 months"},
      {86400s * 800, "2 years"},  {-5s, "Less than a second"}};
  for (const auto& entry : cases) EXPECT_EQ(cli::age_text(entry.first), entry.second);
}

ActualContainer running(Health health = Health::None) {
  ActualContainer out;
  out.name = "shop-web-1";
  out.service = "web";
  out.status = ContainerStatus::Running;
  out.started_at = out.created_at = cli::Clock::time_point(1000s);
  out.health = health;
  out.process = {42, 7};
  return out;
}

TEST(PsView, Status) {
  const auto now = cli::Clock::time_point(1005s);
  EXPECT_EQ(cli::status_text(running(), now), "Up 5 seconds");
  EXPECT_EQ(cli::status_text(running(Health::Healthy), now), "Up 5 seconds (healthy)");
  EXPECT_EQ(cli::status_text(running(Health::Starting), now), "Up 5 seconds (health: starting)");
  ActualContainer ended = running();
  ended.status = ContainerStatus::Exited;
  ended.exit = {true, 137, 9, true, cli::Clock::time_point(1002s)};
  EXPECT_EQ(cli::status_text(ended, now), "Exited (137) 3 seconds ago (out of memory)");
  ended.exit = {};
  EXPECT_EQ(cli::status_text(ended, now), "Exited (unknown)");
  ended.status = ContainerStatus::Created;
  EXPECT_EQ(cli::status_text(ended, now), "Created");
}

netfab::PublishedPort published(const char* target, std::uint16_t host, std::uint16_t inner,
                                std::optional<base::IpAddress> address = {}) {
  netfab::PublishedPort out;
  out.host_address = address;
  out.host_port = host;
  out.target = *base::parse_ip(target);
  out.target_port = inner;
  return out;
}

TEST(PsView, PortsAreJoinedToRanges) {
  EXPECT_EQ(cli::ports_text({published("10.0.0.2", 8081, 81), published("10.0.0.2", 8080, 80),
                             published("fd00::2", 8080, 80),
                             published("10.0.0.2", 53, 53, base::parse_ip("127.0.0.1"))}),
            "0.0.0.0:8080-8081->80-81/tcp, 127.0.0.1:53->53/tcp, [::]:8080->80/tcp");
  EXPECT_EQ(cli::ports_text({}), "");
}

TEST(PsView, TableAndJson) {
  cli::PsRow row{running(Health::Healthy), {}};
  row.described.name = "shop-web-1";
  row.described.service = "web";
  row.described.image = "host";
  row.described.argv = {"python3", "-m", "http.server", "80"};
  row.described.ports = {published("10.0.0.2", 8080, 80)};
  const auto now = cli::Clock::time_point(1005s);
  EXPECT_EQ(cli::ps_table({row}, now, false),
            "NAME         IMAGE     COMMAND                  SERVICE   CREATED         STATUS      "
            "             PORTS\n"
            "shop-web-1   host      \"python3 -m http.ser…\"   web       5 seconds ago   Up 5 "
            "seconds (healthy)   0.0.0.0:8080->80/tcp\n");
  const std::string line = cli::ps_json(row, "shop", now);
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  const auto parsed = nlohmann::json::parse(line);
  EXPECT_EQ(parsed["ID"], "shop-web-1");
  EXPECT_EQ(parsed["Name"], "shop-web-1");
  EXPECT_EQ(parsed["Service"], "web");
  EXPECT_EQ(parsed["Project"], "shop");
  EXPECT_EQ(parsed["State"], "running");
  EXPECT_EQ(parsed["Health"], "healthy");
  EXPECT_EQ(parsed["ExitCode"], 0);
  EXPECT_EQ(parsed["Publishers"],
            nlohmann::json::parse(
                R"([{"URL":"0.0.0.0","TargetPort":80,"PublishedPort":8080,"Protocol":"tcp"}])"));
}

supervisor::LogLine line(int second, const std::string& text) {
  supervisor::LogLine out;
  out.time = std::chrono::system_clock::time_point(std::chrono::seconds(second));
  out.text = text;
  return out;
}

cli::NextLine source(std::vector<supervisor::LogLine> lines) {
  return [lines = std::move(lines),
          at = std::size_t{0}]() mutable -> std::optional<supervisor::LogLine> {
    if (at == lines.size()) return {};
    return lines[at++];
  };
}

TEST(LogView, MergesByTimeWithAlignedPrefixes) {
  cli::LogMerger merger;
  cli::LogPrinter printer({true, false, false});
  merger.add(source({line(1, "a"), line(4, "d")}));
  printer.add("web-1");
  merger.add(source({line(2, "b"), line(3, "c"), line(4, "e")}));
  printer.add("database-1");
  std::string out;
  while (auto merged = merger.next()) out += printer.text(merged->source, merged->line);
  EXPECT_EQ(out,
            "web-1       | a\n"
            "database-1  | b\n"
            "database-1  | c\n"
            "web-1       | d\n"
            "database-1  | e\n");
}

TEST(LogView, ASilentSourceHoldsNoOtherBack) {
  cli::LogMerger merger;
  std::vector<supervisor::LogLine> late;
  merger.add([&late]() -> std::optional<supervisor::LogLine> {
    if (late.empty()) return {};
    auto out = late.back();
    late.pop_back();
    return out;
  });
  merger.add(source({line(5, "x")}));
  EXPECT_EQ(merger.next()->line.text, "x");
  EXPECT_FALSE(merger.next());
  late.push_back(line(1, "late"));
  EXPECT_EQ(merger.next()->line.text, "late");
}

TEST(LogView, Formats) {
  cli::LogPrinter bare({false, false, false});
  bare.add("web-1");
  EXPECT_EQ(bare.text(0, line(1, "x")), "x\n");
  cli::LogPrinter full({true, true, true});
  full.add("web-1");
  EXPECT_EQ(full.text(0, line(1, "x")),
            "\x1b[36mweb-1  | \x1b[0m1970-01-01T00:00:01.000000000Z x\n");
  EXPECT_EQ(cli::short_name("shop-web-1", "shop"), "web-1");
  EXPECT_EQ(cli::short_name("proxy", "shop"), "proxy");
}

TEST(PickStack, ByFileThenByDirectory) {
  const std::vector<executor::KnownStack> known{{"a", "/srv/a", {"/srv/a/app.yaml"}, 1, 0},
                                                {"b", "/srv/b", {"/srv/b/app.yaml"}, 1, 0},
                                                {"c", "/srv/c", {}, 0, 0},
                                                {"c2", "/srv/c", {}, 0, 0}};
  EXPECT_EQ(cli::pick_stack(known, "/srv/a", {}).project, "a");
  EXPECT_EQ(cli::pick_stack(known, "/elsewhere", {"/srv/b/app.yaml"}).project, "b");
  try {
    cli::pick_stack(known, "/srv/c", {});
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_STREQ(error.what(), "several stacks were brought up from /srv/c: c, c2");
    EXPECT_EQ(error.hint(), "choose one with -p, for example -p c");
  }
  EXPECT_THROW(cli::pick_stack(known, "/srv", {}), base::Error);
  EXPECT_THROW(cli::pick_stack({}, "/srv/a", {}), base::Error);
}

TEST(CheckServices, NamesTheNearest) {
  EXPECT_NO_THROW(cli::check_services({"web"}, {"db", "web"}, "shop"));
  try {
    cli::check_services({"webb"}, {"db", "web"}, "shop");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_STREQ(error.what(), "no such service: webb (in stack shop)");
    EXPECT_EQ(error.hint(), "did you mean \"web\"?");
  }
}

TEST(Errors, HintsOfSeveralLinesAreIndented) {
  EXPECT_EQ(cli::render_error("no", "the log:\nline 1\nline 2\n", false),
            "stack: error: no\n  hint: the log:\n  line 1\n  line 2\n");
  EXPECT_EQ(cli::render_error(base::Error("text", "do this"), false),
            "stack: error: text\n  hint: do this\n");
  EXPECT_EQ(cli::render_error(std::runtime_error("other"), false), "stack: error: other\n");
  EXPECT_EQ(cli::render_error("a.yaml:3:12: error: no network", "", false),
            "a.yaml:3:12: error: no network\n");
  EXPECT_EQ(cli::render_error("db:5: error: x", "", false), "stack: error: db:5: error: x\n");
}

TEST(Readiness, Table) {
  planner::Container plain, checked;
  checked.healthcheck.emplace();
  ActualContainer ended = running();
  ended.status = ContainerStatus::Exited;
  ended.exit = {true, 3, 0, false, {}};
  ActualContainer done = ended;
  done.exit.code = 0;
  const ActualContainer healthy = running(Health::Healthy), starting = running(Health::Starting),
                        unhealthy = running(Health::Unhealthy), up = running();
  using cli::Readiness;
  const auto judge = [](const planner::Container& wanted, const ActualContainer* actual) {
    return cli::judge_ready(wanted, actual,
                            actual ? actual->started_at + std::chrono::hours(1)
                                   : std::chrono::system_clock::time_point())
        .readiness;
  };
  EXPECT_EQ(judge(plain, &up), Readiness::Ready);
  EXPECT_EQ(judge(checked, &starting), Readiness::Pending);
  EXPECT_EQ(judge(checked, &healthy), Readiness::Ready);
  EXPECT_EQ(judge(checked, &unhealthy), Readiness::Failed);
  EXPECT_EQ(judge(plain, &ended), Readiness::Failed);
  EXPECT_EQ(judge(plain, &done), Readiness::Ready);
  EXPECT_EQ(judge(plain, nullptr), Readiness::Failed);
  EXPECT_EQ(cli::judge_ready(plain, &ended, ended.started_at).text, "exited (3)");
  // Just started, nothing is known yet; a health check knows better, and so may the clock be wrong.
  const auto after = [](const ActualContainer& actual, std::chrono::milliseconds time) {
    return actual.started_at + time;
  };
  using std::chrono::milliseconds;
  EXPECT_EQ(cli::judge_ready(plain, &up, after(up, milliseconds(1))).readiness, Readiness::Pending);
  planner::Container restarted;
  restarted.restart = {spec::RestartMode::OnFailure, 2};
  EXPECT_EQ(judge(restarted, &ended), Readiness::Pending) << "about to be started again";
  EXPECT_EQ(judge(restarted, &done), Readiness::Ready);
  ActualContainer given_up = ended;
  given_up.recent_restarts = 2;
  EXPECT_EQ(judge(restarted, &given_up), Readiness::Failed);
  EXPECT_EQ(cli::judge_ready(plain, &up, after(up, cli::kSettle)).readiness, Readiness::Ready);
  EXPECT_EQ(cli::judge_ready(plain, &up, after(up, milliseconds(-9))).readiness, Readiness::Ready);
  EXPECT_EQ(cli::judge_ready(checked, &healthy, after(healthy, milliseconds(1))).readiness,
            Readiness::Ready);
}

}  // namespace
