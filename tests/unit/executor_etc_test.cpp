// Files of /etc as a later look finds them.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>

#include "base/files.hpp"
#include "base/sys.hpp"
#include "executor/launch.hpp"
#include "executor/look.hpp"

namespace {

using std::chrono::system_clock;

class Etc : public testing::Test {
 protected:
  Etc() {
    std::string name = "/tmp/stack-etc-XXXXXX";
    folder = ::mkdtemp(name.data());
    paths = base::ProjectPaths(base::Roots::from(folder), "shop");
    container.name = "shop-web-1";
    container.hostname = "web";
    executor::make_container_dirs(container, paths);
    executor::write_etc(container, paths, {});
    start = system_clock::now();
  }
  ~Etc() override { base::remove_tree(folder); }

  // As a container writes it at that time: into the same file.
  void write(const std::string& text, system_clock::time_point when) const {
    const std::string path = paths.container_run(container.name) + "/etc/hostname";
    {
      const base::Fd fd = base::sys::open(path, O_WRONLY | O_TRUNC);
      base::sys::write_all(fd.get(), text, path);
    }
    const auto since = when.time_since_epoch();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since);
    timespec time{};
    time.tv_sec = seconds.count();
    time.tv_nsec = std::chrono::duration_cast<std::chrono::nanoseconds>(since - seconds).count();
    const timespec both[2] = {time, time};
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), both, 0), 0);
  }
  [[nodiscard]] std::vector<netfab::Difference> look() const {
    return executor::etc_differences(container, paths, start);
  }

  std::string folder;
  base::ProjectPaths paths{base::Roots(), "shop"};
  planner::Container container;
  system_clock::time_point start;
};

TEST_F(Etc, AsWrittenIsNoDifference) {
  EXPECT_TRUE(look().empty());
}

TEST_F(Etc, AnotherTextOfTheSameLengthIsSeen) {
  write("bew\n", start + std::chrono::seconds(1));
  const auto found = look();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].name, "/etc/hostname");
  EXPECT_EQ(found[0].wanted, "web");
}

TEST_F(Etc, AnotherLengthIsSeenWheneverItWasWritten) {
  write("", start - std::chrono::hours(1));
  const auto found = look();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].found, "empty");
}

TEST_F(Etc, SearchAndOptionsOfTheMachineArePassedOn) {
  const std::string host =
      "# made by hand\nnameserver 192.0.2.1\ndomain old.example\n"
      "search corp.example\tlab.example\noptions timeout:2\noptions edns0\n";
  EXPECT_EQ(executor::inherited_resolv_lines(container, host),
            "search corp.example lab.example\noptions timeout:2 edns0\n");
  EXPECT_EQ(executor::inherited_resolv_lines(container, "nameserver 192.0.2.1\n"), "");
  container.dns_search = {"mine.example"};
  EXPECT_EQ(executor::inherited_resolv_lines(container, host), "options timeout:2 edns0\n");
  container.dns_search.clear();
  container.dns_opt = {"ndots:2"};
  EXPECT_EQ(executor::inherited_resolv_lines(container, host), "search corp.example lab.example\n");
}

// The machine's file may change: what was passed on of it is no drift.
TEST_F(Etc, WhatWasPassedOnIsNotCompared) {
  const std::string path = paths.container_run(container.name) + "/etc/resolv.conf";
  base::write_atomic(path, "nameserver 127.0.0.11\noptions ndots:0\nsearch gone.example\n");
  EXPECT_TRUE(look().empty());
  base::write_atomic(path, "search gone.example\n");
  ASSERT_EQ(look().size(), 1U);
  executor::mend_etc(container, paths);
  EXPECT_TRUE(look().empty());
  EXPECT_NE(base::read_file(path).find("search gone.example"), std::string::npos);
}

TEST_F(Etc, WhatTheContainerAddedIsItsOwn) {
  write("web\nmore\n", start + std::chrono::seconds(1));
  EXPECT_TRUE(look().empty());
}

}  // namespace
