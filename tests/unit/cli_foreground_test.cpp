// A foreground `up`: whose logs it shows, and whose end ends it.
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "cli/attach.hpp"
#include "cli/ending.hpp"

namespace {

using cli::AbortOn;
using cli::Ending;
using Words = std::vector<std::string>;

planner::Container container(const std::string& name) {
  planner::Container out;
  out.name = name;
  out.service = name;
  return out;
}

planner::ActualContainer ended(const std::string& name, int code) {
  planner::ActualContainer out;
  out.name = name;
  out.service = name;
  out.status = planner::ContainerStatus::Exited;
  out.exit.known = true;
  out.exit.code = code;
  return out;
}

// app waits for the end of migrate; worker is restarted when it fails.
planner::DesiredState stack() {
  planner::DesiredState out;
  planner::Container app = container("app");
  app.depends_on.push_back({"migrate", spec::Condition::CompletedSuccessfully, true, false});
  planner::Container worker = container("worker");
  worker.restart.mode = spec::RestartMode::OnFailure;
  out.containers = {container("migrate"), app, worker};
  return out;
}

TEST(Ending, WhatAnEndMeans) {
  struct Case {
    const char* name;
    int code;
    Ending nothing, exit, failure;
  };
  const Case cases[] = {
      {"app", 0, Ending::Over, Ending::EndsAll, Ending::Over},
      {"app", 3, Ending::Over, Ending::EndsAll, Ending::EndsAll},
      {"migrate", 0, Ending::Over, Ending::Over, Ending::Over},
      {"migrate", 1, Ending::Over, Ending::EndsAll, Ending::EndsAll},
      {"worker", 1, Ending::Restarts, Ending::Restarts, Ending::Restarts},
      {"worker", 0, Ending::Over, Ending::EndsAll, Ending::Over},
      {"stranger", 1, Ending::Over, Ending::Over, Ending::Over},
  };
  for (const Case& each : cases) {
    const auto judged = [&](AbortOn on) {
      return cli::judge_ending(stack(), ended(each.name, each.code), on);
    };
    EXPECT_EQ(judged(AbortOn::Nothing), each.nothing) << each.name << each.code;
    EXPECT_EQ(judged(AbortOn::Exit), each.exit) << each.name << each.code;
    EXPECT_EQ(judged(AbortOn::Failure), each.failure) << each.name << each.code;
  }
  planner::ActualContainer unseen = ended("app", 0);
  unseen.exit.known = false;
  EXPECT_EQ(cli::judge_ending(stack(), unseen, AbortOn::Failure), Ending::EndsAll)
      << "nobody knows that it went well";
  planner::ActualContainer given_up = ended("worker", 1);
  given_up.error = "failed too often";
  EXPECT_EQ(cli::judge_ending(stack(), given_up, AbortOn::Failure), Ending::EndsAll);
}

// web depends on db; quiet says attach: false.
spec::Stack file() {
  spec::Stack out;
  out.name = "shop";
  for (const char* name : {"db", "quiet", "web"}) out.services[name].name = name;
  spec::Dependency dependency;
  dependency.service = "db";
  out.services["web"].depends_on = {dependency};
  out.services["quiet"].attach = false;
  return out;
}

std::string followed(const Words& words) {
  Words line = {"up"};
  line.insert(line.end(), words.begin(), words.end());
  const cli::Parsed parsed = cli::parse_arguments(line);
  EXPECT_FALSE(parsed.exit) << parsed.err;
  const auto out = cli::foreground_options({}, parsed.arguments, file());
  return base::cat(base::join(out.services, ","), " shows ", base::join(*out.shown, ","),
                   " awaits ", base::join(*out.awaited, ","));
}

TEST(Foreground, WhoIsShown) {
  EXPECT_EQ(followed({}), "db,quiet,web shows db,web awaits db,web");
  EXPECT_EQ(followed({"web"}), "web shows web awaits web");
  EXPECT_EQ(followed({"--attach-dependencies", "web"}), "web shows db,web awaits web");
  EXPECT_EQ(followed({"--no-attach", "db"}), "db,quiet,web shows web awaits web");
  EXPECT_EQ(followed({"--attach", "quiet"}), "db,quiet,web shows quiet awaits quiet");
  EXPECT_EQ(followed({"--attach", "db", "web"}), "web shows db awaits web");
  EXPECT_EQ(followed({"--no-attach", "web", "web"}), "web shows  awaits web");
  EXPECT_EQ(followed({"--exit-code-from", "db", "web"}), "web,db shows web awaits web");
  EXPECT_EQ(followed({"--no-attach", "db", "--no-attach", "web"}),
            "db,quiet,web shows  awaits db,quiet,web");
}

TEST(Foreground, ServicesThatAreNotThere) {
  EXPECT_THROW(followed({"--attach", "nobody"}), base::Error);
  EXPECT_THROW(followed({"--no-attach", "nobody"}), base::Error);
  EXPECT_THROW(followed({"--exit-code-from", "nobody"}), base::Error);
  EXPECT_THROW(followed({"--attach", "quiet", "web"}), base::Error) << "not brought up";
  EXPECT_THROW(followed({"--no-deps", "--attach", "db", "web"}), base::Error);
}

}  // namespace
