// The journal of events: bounded, readable whatever a death left, followed across rotation.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "base/files.hpp"
#include "supervisor/event_journal.hpp"

namespace {

class EventJournalTest : public testing::Test {
 protected:
  EventJournalTest() {
    std::string name = "/tmp/stack-events-XXXXXX";
    folder = ::mkdtemp(name.data());
    paths.data = folder;
    container.name = "shop-web-1";
    container.service = "web";
    container.image = "host";
  }
  ~EventJournalTest() override { base::remove_tree(folder); }

  static std::string actions(supervisor::EventReader& reader) {
    std::string out;
    while (const auto event = reader.next()) out += event->action + " ";
    return out;
  }
  void append(const std::string& text) const {
    std::ofstream(folder + "/events", std::ios::app) << text;
  }

  std::string folder;
  base::ProjectPaths paths{base::Roots{}, "shop"};
  planner::Container container;
};

TEST_F(EventJournalTest, ATornLineIsSkippedAndEnded) {
  supervisor::EventReader reader(paths);
  EXPECT_EQ(actions(reader), "") << "nothing is there yet";
  {
    supervisor::EventJournal journal(paths);
    journal.add(container, "create");
    journal.add(container, "die", {{"exitCode", "3"}});
  }
  append("{\"time\":1,\"action\":\"lost\",\"cont");
  EXPECT_EQ(actions(reader), "create die ");
  supervisor::EventJournal next(paths);
  next.add(container, "start");
  EXPECT_EQ(actions(reader), "start ") << "the torn one is not joined with what follows";
  append("[]\n\n\"x\"\n{\"time\":\"x\",\"action\":3}\n\0\n");
  next.add(container, "stop");
  EXPECT_EQ(actions(reader), "stop ");
}

TEST_F(EventJournalTest, Attributes) {
  container.labels = {{"a", "b"}, {"com.docker.compose.oneoff", "True"}};
  supervisor::EventJournal(paths).add(container, "die", {{"exitCode", "137"}, {"signal", "9"}});
  const auto event = supervisor::EventReader(paths).next();
  ASSERT_TRUE(event.has_value());
  const std::map<std::string, std::string> expected{
      {"a", "b"}, {"exitCode", "137"}, {"signal", "9"}, {"image", "host"}, {"name", "shop-web-1"}};
  EXPECT_EQ(event->attributes, expected);
  EXPECT_EQ(event->service, "web");
}

TEST_F(EventJournalTest, BoundedAndFollowedAcrossRotation) {
  supervisor::EventJournal journal(paths, 2000);
  supervisor::EventReader follower(paths);
  std::size_t seen = 0, last = 0;
  for (std::size_t i = 1; i <= 200; ++i) {
    journal.add(container, std::to_string(i));
    if (i % 3 != 0) continue;
    while (const auto event = follower.next()) {
      last = std::stoul(event->action);
      ++seen;
    }
  }
  while (const auto event = follower.next()) {
    last = std::stoul(event->action);
    ++seen;
  }
  EXPECT_EQ(seen, 200U) << "a follower that keeps up loses nothing";
  EXPECT_EQ(last, 200U);
  EXPECT_LE(base::read_file(folder + "/events").size(), 2500U);
  EXPECT_EQ(base::list_dir(folder).size(), 2U);
  // One that comes late gets what is kept, in order and to the end.
  supervisor::EventReader late(paths);
  std::size_t before = 0, kept = 0;
  while (const auto event = late.next()) {
    const std::size_t number = std::stoul(event->action);
    if (kept > 0) {
      EXPECT_EQ(number, before + 1);
    }
    before = number;
    ++kept;
  }
  EXPECT_EQ(before, 200U);
  EXPECT_GT(kept, 10U);
  supervisor::EventReader from_now(paths);
  from_now.skip();
  EXPECT_EQ(actions(from_now), "");
  journal.add(container, "next");
  EXPECT_EQ(actions(from_now), "next ");
}

TEST_F(EventJournalTest, TheFolderMayGo) {
  supervisor::EventJournal journal(paths);
  journal.add(container, "create");
  supervisor::EventReader reader(paths);
  EXPECT_EQ(actions(reader), "create ");
  journal.add(container, "destroy");
  base::remove_tree(folder);
  EXPECT_EQ(actions(reader), "destroy ") << "the last words of a stack that went";
  journal.add(container, "unheard");  // must not throw
  ASSERT_EQ(::mkdir(folder.c_str(), 0700), 0);
  supervisor::EventJournal(paths).add(container, "again");
  EXPECT_EQ(actions(reader), "again ");
}

}  // namespace
