#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/base64.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/ip.hpp"
#include "base/process.hpp"
#include "base/sys.hpp"
#include "base/text.hpp"

namespace {

using namespace std::chrono_literals;

TEST(Text, SplitKeepsEmptyParts) {
  EXPECT_EQ(base::split("a::b", ':'), (std::vector<std::string>{"a", "", "b"}));
  EXPECT_EQ(base::split("", ':'), std::vector<std::string>{""});
}

TEST(Text, Base64) {
  for (const std::string& text : {std::string(), std::string("a"), std::string("ab"),
                                  std::string("abc"), std::string("user:p\0w\xff", 9)}) {
    std::string back;
    EXPECT_TRUE(base::unbase64(base::base64(text), back));
    EXPECT_EQ(back, text);
  }
  EXPECT_EQ(base::base64("user:word"), "dXNlcjp3b3Jk");
  std::string out;
  EXPECT_FALSE(base::unbase64("!!", out));
}

TEST(Text, NumbersAreWholeOrNothing) {
  EXPECT_EQ(base::parse_int("-12"), -12);
  for (const char* bad : {"", "1x", " 1", "0x10", "99999999999999999999"}) {
    EXPECT_FALSE(base::parse_int(bad)) << bad;
    EXPECT_FALSE(base::parse_uint(bad)) << bad;
  }
  EXPECT_EQ(base::parse_double("1.5"), 1.5);
  for (const char* bad : {"", "inf", "nan", "0x1p3", "1.5 ", "1..5"}) {
    EXPECT_FALSE(base::parse_double(bad)) << bad;
  }
}

TEST(Text, NearestFindsTyposOnly) {
  const std::vector<std::string> keys{"image", "command", "environment"};
  EXPECT_EQ(base::nearest("imgae", keys), "image");
  EXPECT_EQ(base::nearest("enviroment", keys), "environment");
  EXPECT_EQ(base::nearest("volumes", keys), "");
}

TEST(Text, HumanForms) {
  EXPECT_EQ(base::human_duration(350ms), "350ms");
  EXPECT_EQ(base::human_duration(1200ms), "1.2s");
  EXPECT_EQ(base::human_duration(130s), "2m10s");
  EXPECT_EQ(base::human_size(999), "999B");
  EXPECT_EQ(base::human_size(12'300'000), "12.3MB");
}

TEST(Text, ShortHashSpreads) {
  std::vector<std::string> seen;
  for (int i = 0; i < 1000; ++i) seen.push_back(base::short_hash(base::cat("network", i)));
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(std::adjacent_find(seen.begin(), seen.end()), seen.end());
  EXPECT_EQ(seen.front().size(), 8U);
}

struct IpCase {
  const char* text;
  bool good;
};
TEST(Ip, Parse) {
  for (const IpCase& test : std::vector<IpCase>{{"10.0.0.1", true},
                                                {"::1", true},
                                                {"fd00::1:2", true},
                                                {"010.0.0.1", false},
                                                {"10.0.0", false},
                                                {"10.0.0.256", false},
                                                {"", false},
                                                {"1::2::3", false}}) {
    EXPECT_EQ(base::parse_ip(test.text).has_value(), test.good) << test.text;
  }
  EXPECT_EQ(base::parse_ip("fd00:0:0::1")->str(), "fd00::1");
}

TEST(Ip, StrictTexts) {
  for (const char* text : {"10.0.0.01", "010.0.0.1", "10.0.0", "10.0.0.0x1", "256.0.0.1",
                           "1.2.3.4 ", " 1.2.3.4", "::ffff:1.2.3.4", "::ffff:102:304",
                           "fe80::1%eth0", "1::2::3", "12345::", "[::1]", ":", ""}) {
    EXPECT_FALSE(base::parse_ip(text)) << text;
  }
  EXPECT_FALSE(base::parse_ip(std::string("1.2.3.4\0", 8)));
  EXPECT_FALSE(base::parse_ip(std::string(1000, '1')));
  EXPECT_TRUE(base::parse_ip("::1.2.3.4"));
  EXPECT_TRUE(base::parse_ip("1:2:3:4:5:6:7:8"));
  for (const char* text : {"10.0.0.0/024", "10.0.0.0/+8", "10.0.0.0/ 8", "10.0.0.0/",
                           "10.0.0.0/8/8", "::/129", "10.0.0.0/-1", "/8"}) {
    EXPECT_FALSE(base::parse_cidr(text)) << text;
  }
  EXPECT_TRUE(base::parse_cidr("0.0.0.0/0"));
}

TEST(Ip, CidrArithmetic) {
  const auto net = *base::parse_cidr("10.1.2.3/16");
  EXPECT_EQ(net.network().str(), "10.1.0.0/16");
  EXPECT_TRUE(net.contains(*base::parse_ip("10.1.255.255")));
  EXPECT_FALSE(net.contains(*base::parse_ip("10.2.0.0")));
  EXPECT_TRUE(net.overlaps(*base::parse_cidr("10.0.0.0/8")));
  EXPECT_FALSE(net.overlaps(*base::parse_cidr("fd00::/8")));
  EXPECT_FALSE(base::parse_cidr("10.0.0.0/33"));
  EXPECT_FALSE(base::parse_cidr("10.0.0.0"));
  EXPECT_EQ(base::parse_ip("10.0.0.255")->plus(1).str(), "10.0.1.0");
  EXPECT_EQ(base::parse_ip("fd00::ffff")->plus(1).str(), "fd00::1:0");
  EXPECT_TRUE(base::parse_ip("127.8.8.8")->is_loopback());
}

class Files : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/stack-test-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    dir_ = name;
  }
  void TearDown() override { base::remove_tree(dir_); }
  std::string dir_;
};

TEST_F(Files, WriteAtomicReplacesAndLeavesNothingElse) {
  const std::string file = dir_ + "/a";
  base::write_atomic(file, "one");
  base::write_atomic(file, "two", {.mode = 0640, .durable = true});
  EXPECT_EQ(base::read_file(file), "two");
  EXPECT_EQ(base::list_dir(dir_), std::vector<std::string>{"a"});
  struct stat info {};
  ASSERT_EQ(::stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0640U);
}

TEST_F(Files, RemoveTreeDoesNotFollowLinks) {
  const std::string victim = dir_ + "/victim";
  const std::string tree = dir_ + "/tree";
  base::sys::make_dirs(victim, 0700);
  base::write_atomic(victim + "/keep", "x");
  base::sys::make_dirs(tree + "/a/b", 0700);
  ASSERT_EQ(::symlink(victim.c_str(), (tree + "/a/link").c_str()), 0);
  base::remove_tree(tree);
  EXPECT_FALSE(base::exists(tree));
  EXPECT_TRUE(base::exists(victim + "/keep"));
  base::remove_tree(tree);  // absent: fine
}

// As a container can make one: deeper than any number of descriptors or any path goes.
TEST_F(Files, RemoveTreeOfAnyDepth) {
  constexpr int kDepth = 30'000;
  const std::string victim = dir_ + "/victim";
  const std::string tree = (base::is_directory("/dev/shm") ? "/dev/shm" : dir_) +
                           "/stack-test-deep-" + std::to_string(::getpid());
  base::sys::make_dirs(victim, 0700);
  base::write_atomic(victim + "/keep", "x");
  base::sys::make_dir(tree, 0700);
  base::Fd at = base::sys::open(tree, O_RDONLY | O_DIRECTORY);
  for (int depth = 0; depth < kDepth; ++depth) {
    if (depth % 1000 == 0) {
      ASSERT_EQ(::symlinkat(victim.c_str(), at.get(), "link"), 0);
      ASSERT_EQ(::mkdirat(at.get(), "beside", 0700), 0);
      const base::Fd file = base::sys::open_at(at.get(), "file", O_WRONLY | O_CREAT, 0600);
    }
    ASSERT_EQ(::mkdirat(at.get(), "d", 0700), 0);
    at = base::sys::open_at(at.get(), "d", O_RDONLY | O_DIRECTORY);
  }
  at.reset();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few{64, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  EXPECT_NO_THROW(base::remove_tree(tree));
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_FALSE(base::exists(tree));
  EXPECT_TRUE(base::exists(victim + "/keep"));
}

TEST_F(Files, LockIsExclusive) {
  const std::string file = dir_ + "/lock";
  const auto first = base::lock_file(file);
  ASSERT_TRUE(first);
  EXPECT_FALSE(base::lock_file(file, {.wait = false}));
}

TEST_F(Files, ReadLimit) {
  base::write_atomic(dir_ + "/big", std::string(1000, 'x'));
  EXPECT_THROW(base::read_file(dir_ + "/big", 999), base::SysError);
  EXPECT_FALSE(base::try_read_file(dir_ + "/absent"));
}

TEST(Paths, Clean) {
  EXPECT_EQ(base::clean_path("/a/../b//./c"), "/b/c");
  EXPECT_EQ(base::clean_path("/../.."), "/");
  EXPECT_EQ(base::clean_path("../x"), "../x");
  EXPECT_EQ(base::absolute_path("/home/u", "./x"), "/home/u/x");
  EXPECT_EQ(base::absolute_path("/home/u", "/x"), "/x");
}

TEST(Process, OursIsAliveAndKnown) {
  const auto self = base::identify(::getpid());
  ASSERT_TRUE(self);
  EXPECT_TRUE(base::is_alive(*self));
  EXPECT_FALSE(base::is_alive({self->pid, self->start_time + 1}));
  EXPECT_EQ(base::process_stat(::getpid())->parent, ::getppid());
  EXPECT_FALSE(base::open_pidfd(base::ProcessId{self->pid, 1}));
}

TEST(Sys, DescriptorsTravel) {
  auto [a, b] = base::sys::socket_pair(SOCK_SEQPACKET);
  auto [reader, writer] = base::sys::pipe();
  const std::vector<int> fds{writer.get()};
  base::sys::send_with_fds(a.get(), "key", fds);
  base::sys::Received got = base::sys::receive_with_fds(b.get());
  EXPECT_EQ(got.text, "key");
  ASSERT_EQ(got.fds.size(), 1U);
  writer.reset();
  base::sys::write_all(got.fds[0].get(), "hello", "pipe");
  got.fds.clear();
  EXPECT_EQ(base::sys::read_all(reader.get(), "pipe"), "hello");
  a.reset();
  EXPECT_TRUE(base::sys::receive_with_fds(b.get()).eof);
}

}  // namespace
