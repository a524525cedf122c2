// cp's stream and its two ends, in folders of our own; entering a container is
// tests/e2e/test_cp.py.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <thread>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/sys.hpp"
#include "base/tree_stream.hpp"
#include "executor/tree_copy.hpp"
#include "executor/usage.hpp"

namespace {

class TreeCopy : public testing::Test {
 protected:
  TreeCopy() {
    std::signal(SIGPIPE, SIG_IGN);  // one end may give up while the other writes
    std::string name = "/tmp/stack-copy-XXXXXX";
    folder = ::mkdtemp(name.data());
    base::sys::make_dir(in("from"), 0755);
    base::sys::make_dir(in("to"), 0755);
  }
  ~TreeCopy() override { base::remove_tree(folder); }
  [[nodiscard]] std::string in(const std::string& path) const { return folder + "/" + path; }

  std::vector<std::string> copy(const std::string& source, const std::string& target,
                                const std::string& name, bool contents = false) const {
    auto [out, into] = base::sys::pipe();
    std::vector<std::string> left;
    std::string failed;
    std::thread sender([&, into = std::move(into)]() mutable {
      try {
        left = executor::send_tree(into.get(), {source, false});
      } catch (const base::Error& error) {
        failed = error.what();
      }
      into.reset();
    });
    try {
      executor::receive_tree(out.get(), {target, name, contents, false});
    } catch (...) {
      out.reset();
      sender.join();
      throw;
    }
    sender.join();
    EXPECT_EQ(failed, "");
    return left;
  }

  // A stream by hand.
  void receive(const std::vector<std::pair<base::TreeEntry, std::string>>& entries,
               const std::string& target, bool whole = true) const {
    auto [out, into] = base::sys::pipe();
    for (const auto& [entry, data] : entries) {
      base::write_entry(into.get(), entry);
      base::sys::write_all(into.get(), data, "a pipe");
    }
    if (whole) base::write_entry(into.get(), {});
    into.reset();
    executor::receive_tree(out.get(), {target, "", true, false});
  }

  std::string folder;
};

base::TreeEntry entry(base::TreeEntry::Kind kind, const std::string& path, std::uint64_t size = 0) {
  base::TreeEntry out;
  out.kind = kind;
  out.path = path;
  out.mode = 0755;
  out.size = size;
  return out;
}

TEST_F(TreeCopy, AFolder) {
  base::sys::make_dirs(in("from/a/b"), 0750);
  base::write_atomic(in("from/a/b/file"), std::string(200'000, 'x'), {.mode = 0640});
  ASSERT_EQ(::symlink("/etc/passwd", in("from/a/link").c_str()), 0);
  ASSERT_EQ(::mkfifo(in("from/a/pipe").c_str(), 0600), 0);
  const auto left = copy(in("from/a"), in("to"), "a");
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0], "pipe: neither a file nor a folder");
  EXPECT_EQ(base::read_file(in("to/a/b/file")).size(), 200'000U);
  struct stat info {};
  ASSERT_EQ(::lstat(in("to/a/link").c_str(), &info), 0);
  EXPECT_TRUE(S_ISLNK(info.st_mode)) << "as a link, not what it leads to";
  ASSERT_EQ(::stat(in("to/a/b/file").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0640U);
  (void)copy(in("from/a"), in("new"), "a");
  EXPECT_TRUE(base::exists(in("new/b/file"))) << "what is not there becomes it";
  (void)copy(in("from/a"), in("to"), "", true);
  EXPECT_TRUE(base::exists(in("to/b/file"))) << "its contents";
}

TEST_F(TreeCopy, AFile) {
  base::write_atomic(in("from/file"), "new");
  (void)copy(in("from/file"), in("to"), "file");
  EXPECT_EQ(base::read_file(in("to/file")), "new");
  base::write_atomic(in("old"), "old and longer");
  (void)copy(in("from/file"), in("old"), "file");
  EXPECT_EQ(base::read_file(in("old")), "new");
  EXPECT_THROW(copy(in("from/file"), in("none/"), "file"), base::Error);
  EXPECT_THROW(copy(in("from"), in("old"), "from"), base::Error);
  EXPECT_THROW(copy(in("from/file"), in("none/file"), "file"), base::Error);
}

TEST_F(TreeCopy, AHostileStreamStaysBelow) {
  using Kind = base::TreeEntry::Kind;
  base::sys::make_dir(in("victim"), 0755);
  base::TreeEntry link = entry(Kind::Link, "trap");
  link.target = in("victim");
  EXPECT_THROW(
      receive({{entry(Kind::Folder, ""), ""}, {link, ""}, {entry(Kind::File, "trap/file", 1), "x"}},
              in("to")),
      base::Error);
  // A link that was there already is no better.
  EXPECT_THROW(
      receive({{entry(Kind::Folder, ""), ""}, {entry(Kind::File, "trap/deep/file", 1), "x"}},
              in("to")),
      base::Error);
  EXPECT_TRUE(base::list_dir(in("victim")).empty());
  // A file replaces a link, it does not write through it.
  receive({{entry(Kind::Folder, ""), ""}, {entry(Kind::File, "trap", 1), "x"}}, in("to"));
  EXPECT_EQ(base::read_file(in("to/trap")), "x");
  EXPECT_TRUE(base::list_dir(in("victim")).empty());
  EXPECT_THROW(receive({{entry(Kind::Folder, ""), ""}, {entry(Kind::File, "short", 9), "x"}},
                       in("to"), false),
               base::Error);
  EXPECT_FALSE(base::exists(in("to/short"))) << "whole or not at all";
}

TEST(TreePath, Rules) {
  for (const char* good : {"", "a", "a/b", "..a", "a/...", ".a"}) {
    EXPECT_TRUE(base::is_tree_path(good)) << good;
  }
  for (const char* bad : {"/", "/a", "a//b", "a/", "..", "a/../b", ".", "a/."}) {
    EXPECT_FALSE(base::is_tree_path(bad)) << bad;
  }
}

TEST(Usage, NetDev) {
  const auto links = executor::parse_net_dev(
      "Inter-|   Receive                            |  Transmit\n"
      " face |bytes    packets errs drop fifo frame compressed multicast|bytes\n"
      "    lo:     100 1 0 0 0 0 0 0 200 2 0 0 0 0 0 0\n"
      "sv-1a2b:12345 1 0 0 0 0 0 0 6789 2 0 0 0 0 0 0\n"
      "torn: 1 2\n");
  EXPECT_EQ(links.size(), 2U);
  EXPECT_EQ(links.at("sv-1a2b").received, 12345U);
  EXPECT_EQ(links.at("sv-1a2b").sent, 6789U);
}

}  // namespace
