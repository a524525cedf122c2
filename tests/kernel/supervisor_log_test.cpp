// LogMover with real pipes: killed again and again, rotated, followed; a terminal.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "base/files.hpp"
#include "base/sys.hpp"
#include "supervisor/log_index.hpp"
#include "supervisor/log_mover.hpp"
#include "supervisor/log_reader.hpp"

namespace supervisor {
namespace {

class LogMoverTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "/stack-mover-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
    logs_ = dir_ + "/deep/log";
    for (const char* name : {"/out", "/err"}) ASSERT_EQ(::mkfifo((dir_ + name).c_str(), 0600), 0);
    // Held as the keeper does: without an opener a FIFO forgets what is in it.
    out_ = base::sys::open(dir_ + "/out", O_RDWR);
    err_ = base::sys::open(dir_ + "/err", O_RDWR);
  }
  void TearDown() override { base::remove_tree(dir_); }

  [[nodiscard]] LogStreams fifos() const {
    return {base::sys::open(dir_ + "/out", O_RDONLY | O_NONBLOCK),
            base::sys::open(dir_ + "/err", O_RDONLY | O_NONBLOCK),
            {}};
  }

  pid_t start_mover(LogLimits limits) {
    const pid_t pid = ::fork();
    if (pid != 0) return pid;
    Loop loop;
    LogMover mover(loop);
    mover.attach("c", fifos(), logs_, limits);
    loop.run();
    ::_exit(0);
  }
  static void kill_and_wait(pid_t pid) {
    ::kill(pid, SIGKILL);
    ASSERT_EQ(::waitpid(pid, nullptr, 0), pid);
  }
  // Everything in the FIFOs into the files, in this process.
  void move_all(LogLimits limits) {
    Loop loop;
    LogMover mover(loop);
    mover.attach("c", fifos(), logs_, limits);
    mover.detach("c");
  }

  std::string dir_;
  std::string logs_;
  base::Fd out_;
  base::Fd err_;
};

TEST_F(LogMoverTest, KilledFiftyTimesLosesAndRepeatsNothing) {
  constexpr int kLines = 300'000;
  const LogLimits limits{256U << 10U, 1000};  // rotates meanwhile too
  constexpr int kKills = 50;
  // The writer goes on only as the kills do, however fast the machine is.
  auto [token_out, token_in] = base::sys::pipe();
  const pid_t writer = ::fork();
  if (writer == 0) {
    for (int i = 0; i < kLines; ++i) {
      char token = 0;
      if (i % (kLines / kKills) == 0 && ::read(token_out.get(), &token, 1) != 1) ::_exit(2);
      const std::string line = std::to_string(i) + "\n";
      if (::write(i % 4 == 3 ? err_.get() : out_.get(), line.data(), line.size()) !=
          static_cast<ssize_t>(line.size())) {
        ::_exit(1);
      }
    }
    ::_exit(0);
  }
  base::sys::write_all(token_in.get(), "t", "token");
  int kills = 0;
  int status = -1;
  pid_t mover = start_mover(limits);
  bool writing = true;
  while (writing) {
    ::usleep(1000 + static_cast<useconds_t>(kills * 7919 % 9000));
    writing = ::waitpid(writer, &status, WNOHANG) == 0;
    if (!writing || kills < kKills) {
      kill_and_wait(mover);
      ++kills;
      base::sys::write_all(token_in.get(), "t", "token");
      if (writing) mover = start_mover(limits);
    }
  }
  EXPECT_EQ(status, 0);
  EXPECT_GE(kills, kKills);
  move_all(limits);

  LogReader reader(logs_);
  int next_out = 0;
  int next_err = 3;
  int seen = 0;
  int wrong = 0;
  while (auto line = reader.next(true)) {
    ++seen;
    int& next = line->err ? next_err : next_out;
    if (line->text != std::to_string(next) || line->partial) ++wrong;
    next += 1;
    if (!line->err && next % 4 == 3) ++next;
    if (line->err) next += 3;
  }
  EXPECT_EQ(seen, kLines);
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(list_segments(logs_).size(), 2U);
}

TEST_F(LogMoverTest, RotatesWithinItsLimits) {
  const LogLimits limits{16384, 3};
  for (int i = 0; i < 5000; ++i) {
    const std::string line = "line " + std::to_string(i) + "\n";
    base::sys::write_all(out_.get(), line, "out");
    if (i % 50 == 49) move_all(limits);
  }
  EXPECT_EQ(list_segments(logs_).size(), 3U);
  std::uint64_t total = 0;
  for (const std::string& file : base::list_dir(logs_)) {
    struct stat info {};
    ASSERT_EQ(::stat((logs_ + "/" + file).c_str(), &info), 0);
    total += static_cast<std::uint64_t>(info.st_size);
    EXPECT_EQ(info.st_mode & 0777U, 0600U);
  }
  EXPECT_LE(total, 3U * 16384U);
  EXPECT_GT(total, 2U * 16000U);
  EXPECT_EQ(LogReader::last_lines(logs_, 2), "line 4998\nline 4999\n");
  LogReader tail(logs_);
  tail.tail(1000);
  int seen = 0;
  while (auto line = tail.next()) EXPECT_EQ(line->text, "line " + std::to_string(4000 + seen++));
  EXPECT_EQ(seen, 1000);
}

TEST_F(LogMoverTest, FollowsWhileItIsWritten) {
  const LogLimits limits{8192, 2};
  Loop loop;
  LogMover mover(loop);
  mover.attach("c", fifos(), logs_, limits);
  LogReader reader(logs_);
  int written = 0;
  int read = 0;
  int wrong = 0;
  std::function<void()> step = [&] {
    while (auto line = reader.next()) {
      if (line->text != std::to_string(read++)) ++wrong;
    }
    if (read == 20'000) return loop.stop();
    for (int i = 0; i < 50 && written < 20'000; ++i, ++written) {
      base::sys::write_all(out_.get(), std::to_string(written) + "\n", "out");
    }
    loop.after(std::chrono::microseconds(200), step);
  };
  loop.soon(step);
  loop.after(std::chrono::seconds(60), [&] { loop.stop(); });
  loop.run();
  EXPECT_EQ(read, 20'000);
  EXPECT_EQ(wrong, 0);
  EXPECT_LE(list_segments(logs_).size(), 2U);
}

TEST_F(LogMoverTest, ATerminalIsOneStream) {
  const base::Fd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!master) GTEST_SKIP() << "no pty";
  ASSERT_EQ(::grantpt(master.get()), 0);
  ASSERT_EQ(::unlockpt(master.get()), 0);
  base::Fd slave = base::sys::open(::ptsname(master.get()), O_RDWR | O_NOCTTY);
  Loop loop;
  LogMover mover(loop);
  mover.attach("c", {base::sys::dup(master.get()), {}, base::sys::dup(out_.get())}, logs_, {});
  base::sys::write_all(slave.get(), "one\ntwo\n", "pty");
  LogReader reader(logs_);
  std::string text;
  std::function<void()> look = [&] {
    while (auto line = reader.next()) text += line->text;
    if (text == "one\rtwo\r") slave.reset();  // then the master hangs up: not watched any longer
    loop.after(std::chrono::milliseconds(1), look);
    if (!slave) loop.after(std::chrono::milliseconds(20), [&] { loop.stop(); });
  };
  loop.soon(look);
  loop.after(std::chrono::seconds(20), [&] { loop.stop(); });
  loop.run();
  EXPECT_EQ(text, "one\rtwo\r");
}

TEST_F(LogMoverTest, AFullDiskHoldsTheContainerUp) {
  const std::string small = dir_ + "/small";
  ASSERT_EQ(::mkdir(small.c_str(), 0700), 0);
  base::sys::mount("tmpfs", small, "tmpfs", 0, "size=64k");
  logs_ = small + "/log";
  Loop loop;
  LogMover mover(loop);
  mover.attach("c", fifos(), logs_, {});
  ASSERT_EQ(::fcntl(out_.get(), F_SETFL, O_RDWR | O_NONBLOCK), 0);
  int written = 0;
  const auto fill = [&] {
    for (;;) {
      std::string line = std::to_string(written);
      line.insert(0, 99 - line.size(), '0');
      line += '\n';
      if (::write(out_.get(), line.data(), line.size()) != 100) return;
      ++written;
    }
  };
  // Filled over some rounds until nothing is taken any more, then given room.
  for (int i = 0; i < 20; ++i) {
    loop.after(std::chrono::milliseconds(5 * i), fill);
  }
  loop.after(std::chrono::milliseconds(200), [&] {
    ASSERT_EQ(::mount("tmpfs", small.c_str(), "tmpfs", MS_REMOUNT, "size=4m"), 0);
  });
  int read = 0;
  int wrong = 0;
  LogReader reader(logs_);
  std::function<void()> look = [&] {
    while (auto line = reader.next()) {
      if (std::stoi(line->text) != read++) ++wrong;
    }
    if (written > 0 && read == written) return loop.stop();
    loop.after(std::chrono::milliseconds(50), look);
  };
  loop.after(std::chrono::milliseconds(400), look);
  loop.after(std::chrono::seconds(30), [&] { loop.stop(); });
  loop.run();
  EXPECT_GT(written, 600);
  EXPECT_EQ(read, written);
  EXPECT_EQ(wrong, 0);
  mover.detach("c");
  reader = LogReader(dir_);
  base::sys::unmount(small, 0);
}

}  // namespace
}  // namespace supervisor
