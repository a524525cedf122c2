// Containers launched for real: what runs inside sees, may and may not.
#include <pty.h>

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "kernel/executor_sandbox.hpp"
#include "netfab/netns.hpp"

namespace {

using test::Result;
using test::Running;

class Launch : public test::Sandbox {};

TEST_F(Launch, RunsAProgramOfTheHostImage) {
  const Result result = sh("echo pid $$; id -u; hostname; pwd; echo $HOME; ls /");
  ASSERT_FALSE(result.failure) << result.failure->text;
  EXPECT_EQ(result.code, 0);
  EXPECT_NE(result.output.find("pid 1\n0\nweb\n/\n/root\n"), std::string::npos) << result.output;
}

TEST_F(Launch, ShowsNoSecretOfTheHost) {
  const Result result =
      sh("cat /etc/shadow; ls /home /root /etc/ssl/private; ls /tmp /var/lib; mount | wc -l");
  EXPECT_NE(result.output.find("cat: /etc/shadow: No such file"), std::string::npos);
  EXPECT_EQ(result.output.find(dir_), std::string::npos);
}

TEST_F(Launch, PassesTheExitCodeOn) {
  EXPECT_EQ(sh("exit 7").code, 7);
}

TEST_F(Launch, RunsADirectoryRootfs) {
  container_.image = "dir:" + make_rootfs();
  container_.working_dir = "/srv/made/here";
  const Result result =
      run({"busybox", "sh", "-c", "pwd; cat /etc/hostname; ls -d /dev/null /proc/self"});
  ASSERT_FALSE(result.failure) << result.failure->text;
  EXPECT_NE(result.output.find("/srv/made/here\nweb\n"), std::string::npos) << result.output;
}

TEST_F(Launch, NamesWhatFailed) {
  struct Case {
    std::vector<std::string> argv;
    std::string text;
  };
  for (const Case& one :
       std::vector<Case>{{{"ngimx"}, "exec \"ngimx\": no such program in the image (PATH="},
                         {{"/etc/passwd"}, "exec \"/etc/passwd\": permission denied"},
                         {{"/usr"}, "is a folder"}}) {
    const Result result = run(one.argv);
    ASSERT_TRUE(result.failure);
    EXPECT_NE(result.failure->text.find(one.text), std::string::npos) << result.failure->text;
    EXPECT_EQ(result.code, 127);
  }
  container_.user = "nosuch";
  EXPECT_NE(run({"true"}).failure->text.find("no such user"), std::string::npos);
  container_.user = "root:nosuch";
  EXPECT_NE(run({"true"}).failure->text.find("group"), std::string::npos);
  container_.user = "";
  container_.mounts = {{.source = "/no/such/source", .target = "/x", .create_host_path = false}};
  const Result bind = run({"true"});
  ASSERT_TRUE(bind.failure);
  EXPECT_NE(bind.failure->text.find("bind /no/such/source at /x (app.yaml:3:5): No such file"),
            std::string::npos)
      << bind.failure->text;
  container_.mounts.clear();
  container_.sysctls = {{"kernel.sysrq", "1"}};
  EXPECT_THROW(run({"true"}), base::Error);
  container_.sysctls.clear();
  container_.cap_add = {"NET_ADMINN"};
  EXPECT_THROW(run({"true"}), base::Error);
}

TEST_F(Launch, NamesABadInterpreter) {
  const std::string root = make_rootfs();
  base::write_atomic(root + "/bin/script", "#!/no/such/interpreter\n", {.mode = 0755});
  base::write_atomic(root + "/bin/text", "echo hello\n", {.mode = 0755});
  container_.image = "dir:" + root;
  EXPECT_NE(run({"script"}).failure->text.find("interpreter"), std::string::npos);
  EXPECT_NE(run({"text"}).failure->text.find("not a program for this machine"), std::string::npos);
}

TEST_F(Launch, LooksUsersUpInTheImage) {
  const std::string root = make_rootfs();
  base::write_atomic(root + "/etc/passwd",
                     "root:x:0:0::/root:/bin/sh\nweb:x:1000:1001::/srv/web:/bin/sh\n",
                     {.mode = 0644});
  base::write_atomic(root + "/etc/group", "web:x:1001:\nlogs:x:1005:other,web\nnone:x:1006:webb\n",
                     {.mode = 0644});
  container_.image = "dir:" + root;
  const std::string script = "id -u; id -g; id -G; echo $HOME";
  container_.user = "web";
  EXPECT_EQ(sh(script).output, "1000\n1001\n1001 1005\n/srv/web\n");
  container_.user = "1000";
  EXPECT_EQ(sh(script).output, "1000\n1001\n1001 1005\n/srv/web\n");
  container_.user = "web:logs";
  EXPECT_EQ(sh(script).output, "1000\n1005\n1005\n/srv/web\n");
  container_.user = "4711";
  container_.group_add = {"logs", "77"};
  EXPECT_EQ(sh(script).output, "4711\n0\n0 77 1005\n/\n");
}

TEST_F(Launch, ConfinesRoot) {
  const std::string script = "grep -E 'Cap|NoNew|Seccomp:' /proc/self/status";
  Result result = sh(script);
  for (const char* line : {"CapInh:\t0000000000000000", "CapPrm:\t00000000800405fb",
                           "CapEff:\t00000000800405fb", "CapBnd:\t00000000800405fb",
                           "CapAmb:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"}) {
    EXPECT_NE(result.output.find(line), std::string::npos) << line << "\n" << result.output;
  }
  container_.user = "nobody";
  result = sh(script);
  EXPECT_NE(result.output.find("CapEff:\t0000000000000000"), std::string::npos) << result.output;
  container_.user = "";
  container_.cap_drop = {"ALL"};
  container_.cap_add = {"NET_ADMIN"};
  container_.no_new_privileges = false;
  result = sh(script);
  EXPECT_NE(result.output.find("CapEff:\t0000000000001000"), std::string::npos) << result.output;
  EXPECT_NE(result.output.find("NoNewPrivs:\t0"), std::string::npos);
  EXPECT_NE(result.output.find("Seccomp:\t2"), std::string::npos);
}

TEST_F(Launch, MakesTheRootReadOnly) {
  container_.read_only = true;
  container_.mounts = {{.type = spec::MountType::Tmpfs, .target = "/scratch", .tmpfs_size = 65536}};
  const Result result = sh(
      "touch /x; touch /scratch/y && echo wrote; stat -f -c %b*%S /scratch; stat -c %a /scratch");
  EXPECT_NE(result.output.find("Read-only file system"), std::string::npos) << result.output;
  EXPECT_NE(result.output.find("wrote\n16*4096\n1777\n"), std::string::npos) << result.output;
}

TEST_F(Launch, MountsVolumesAndBinds) {
  executor::ensure_volume({.key = "data", .name = "test_data"}, paths_->roots);
  base::sys::make_dir(dir_ + "/conf", 0755);
  base::write_atomic(dir_ + "/conf/a", "from the host\n", {.mode = 0644});
  container_.mounts = {
      {.source = dir_ + "/conf", .target = "/conf", .read_only = true},
      {.source = dir_ + "/conf/a", .target = "/deep/er/file"},
      {.source = dir_ + "/made/here", .target = "/data/inner"},
      {.type = spec::MountType::Volume, .source = "test_data", .target = "/data"},
  };
  const Result result =
      sh("cat /conf/a /deep/er/file; touch /conf/b; echo kept > /data/file; touch /data/inner/x; "
         "umask");
  EXPECT_NE(result.output.find("from the host\nfrom the host\n"), std::string::npos)
      << result.output;
  EXPECT_NE(result.output.find("touch: cannot touch '/conf/b': Read-only"), std::string::npos)
      << result.output;
  EXPECT_EQ(base::read_file(paths_->roots.volumes() + "/test_data/_data/file"), "kept\n");
  EXPECT_TRUE(base::exists(dir_ + "/made/here/x"));
  EXPECT_EQ(executor::list_volumes(paths_->roots), std::vector<std::string>{"test_data"});
  executor::remove_volume("test_data", paths_->roots);
  EXPECT_TRUE(executor::list_volumes(paths_->roots).empty());
}

TEST_F(Launch, SeedsAnEmptyVolumeFromTheImage) {
  const std::string root = make_rootfs();
  base::sys::make_dirs(root + "/data/sub", 0755);
  base::write_atomic(root + "/data/sub/file", "seed\n", {.mode = 0640});
  ASSERT_EQ(::chown((root + "/data").c_str(), 70, 71), 0);
  ASSERT_EQ(::chmod((root + "/data").c_str(), 0700), 0);
  container_.image = "dir:" + root;
  executor::ensure_volume({.key = "v", .name = "v"}, paths_->roots);
  container_.mounts = {{.type = spec::MountType::Volume, .source = "v", .target = "/data"}};
  EXPECT_EQ(sh("cat /data/sub/file; stat -c '%u %g %a' /data; echo new > /data/sub/file").output,
            "seed\n70 71 700\n");
  EXPECT_EQ(sh("cat /data/sub/file").output, "new\n");
  EXPECT_EQ(base::read_file(root + "/data/sub/file"), "seed\n");
}

// A start that was killed while it filled the volume: its mark and half a file are there.
TEST_F(Launch, FinishesAnInterruptedSeed) {
  const std::string root = make_rootfs();
  base::sys::make_dirs(root + "/data/sub", 0755);
  base::write_atomic(root + "/data/sub/file", "whole\n", {.mode = 0640});
  ASSERT_EQ(::symlink("file", (root + "/data/sub/link").c_str()), 0);
  container_.image = "dir:" + root;
  executor::ensure_volume({.key = "v", .name = "v"}, paths_->roots);
  const std::string volume = paths_->roots.volumes() + "/v/_data";
  base::sys::make_dirs(volume + "/sub", 0700);
  base::write_atomic(volume + "/.stack-seeding", "", {.mode = 0600});
  base::write_atomic(volume + "/sub/file", "wh", {.mode = 0600});
  ASSERT_EQ(::symlink("nowhere", (volume + "/sub/link").c_str()), 0);
  container_.mounts = {{.type = spec::MountType::Volume, .source = "v", .target = "/data"}};
  EXPECT_EQ(sh("cat /data/sub/link; stat -c '%a' /data/sub/file").output, "whole\n640\n");
  EXPECT_FALSE(base::exists(volume + "/.stack-seeding"));
}

TEST_F(Launch, MountsAFolderOfAVolumeAndNothingOutside) {
  executor::ensure_volume({.key = "v", .name = "v"}, paths_->roots);
  const std::string volume = paths_->roots.volumes() + "/v/_data";
  base::sys::make_dirs(volume + "/in/ner", 0755);
  base::write_atomic(volume + "/in/ner/file", "inner\n", {.mode = 0644});
  container_.mounts = {{.type = spec::MountType::Volume, .source = "v", .target = "/data"}};
  container_.mounts[0].subpath = "in/ner";
  EXPECT_EQ(sh("ls /data; cat /data/file").output, "file\ninner\n");
  base::sys::make_dirs(dir_ + "/victim", 0755);
  ASSERT_EQ(::symlink((dir_ + "/victim").c_str(), (volume + "/out").c_str()), 0);
  container_.mounts[0].subpath = "out";
  const Result outside = sh("ls /data");
  ASSERT_TRUE(outside.failure);
  EXPECT_NE(outside.failure->text.find("volume v/out at /data"), std::string::npos)
      << outside.failure->text;
}

TEST_F(Launch, JoinsThePinnedNetworkNamespace) {
  const std::string pin = dir_ + "/netns";
  netfab::ensure_netns(pin);
  auto [read, write] = base::sys::pipe();
  container_.argv = {"/bin/sh", "-c",
                     "stat -L -c %i /proc/self/ns/net; tail -n +3 /proc/net/dev | wc -l"};
  executor::LaunchRequest with_net = request(write);
  with_net.netns = pin;
  Running running{executor::launch(with_net), std::move(read)};
  write.reset();
  const Result result = finish(running);
  struct stat info {};
  ASSERT_EQ(::stat(pin.c_str(), &info), 0);
  EXPECT_EQ(result.output, base::cat(info.st_ino, "\n1\n"));
  netfab::remove_netns(pin);
}

TEST_F(Launch, HidesAndLocksKernelFiles) {
  const Result result =
      sh("cat /proc/kcore /proc/keys /proc/timer_list 2>/dev/null | wc -c; ls /sys/firmware "
         "/proc/scsi 2>&1 | grep -c acpi; "
         "for f in /proc/sys/kernel/core_pattern /proc/sysrq-trigger /sys/kernel/uevent_helper "
         "/sys/fs/cgroup/memory/memory.limit_in_bytes; do "
         "if [ -e $f ]; then (echo x > $f) 2>/dev/null && echo writable $f; fi; done; "
         "ls /proc/self/fd | tr '\\n' ' '; ls /dev | tr '\\n' ' '");
  EXPECT_EQ(result.output.find("writable"), std::string::npos) << result.output;
  EXPECT_EQ(result.output.rfind("0\n", 0), 0U) << result.output;
  EXPECT_NE(
      result.output.find("0 1 2 3 fd full mqueue null ptmx pts random shm stderr stdin stdout "
                         "tty urandom zero"),
      std::string::npos)
      << result.output;
}

TEST_F(Launch, GivesDevices) {
  container_.devices = {{.source = "/dev/fuse", .target = "/dev/my/fuse", .permissions = "r"}};
  if (!base::exists("/dev/fuse")) GTEST_SKIP() << "no /dev/fuse here";
  const Result result =
      sh("ls -l /dev/my/fuse; head -c0 /dev/my/fuse; (exec 3>/dev/my/fuse) 2>&1 | tail -1; "
         "mknod /dev/kmsg2 c 1 11; head -c1 /dev/null; echo end");
  EXPECT_NE(result.output.find("Operation not permitted"), std::string::npos) << result.output;
  EXPECT_NE(result.output.find("crw"), std::string::npos) << result.output;
}

TEST_F(Launch, SetsLimitsAndSysctls) {
  container_.ulimits = {{"nofile", {100, 200}}, {"core", {0, 0}}};
  container_.sysctls = {{"kernel.msgmax", "4096"}};
  container_.shm_size = 1U << 20U;
  Result result =
      sh("ulimit -Sn; ulimit -Hn; ulimit -c; cat /proc/sys/kernel/msgmax; "
         "stat -f -c %b*%S /dev/shm");
  EXPECT_EQ(result.output, "100\n200\n0\n4096\n256*4096\n");
  container_.ulimits = {{"nofile", {2000000000, 2000000000}}};
  result = run({"true"});
  ASSERT_TRUE(result.failure);
  EXPECT_NE(result.failure->text.find("ulimit nofile = 2000000000"), std::string::npos);
}

TEST_F(Launch, RunsAReaper) {
  container_.init = true;
  Running running = start({"/bin/sh", "-c",
                           "trap 'echo got; exit 9' TERM; echo pid $$; (sleep 0.1 &) ; echo ready; "
                           "while :; do sleep 0.05; done"});
  const auto failure = executor::launch_outcome(running.process);
  ASSERT_FALSE(failure) << failure->text;
  std::string text;
  char byte = 0;
  while (text.find("ready") == std::string::npos && ::read(running.output.get(), &byte, 1) == 1) {
    text += byte;
  }
#ifdef __x86_64__
  // A program of its own, not a fork of ours that holds our memory.
  const std::string proc = "/proc/" + std::to_string(running.process.pid);
  std::array<char, 64> target{};
  for (int i = 0;
       i < 200 && std::string_view(target.data()).find("memfd:init") == std::string::npos; ++i) {
    ::usleep(5'000);
    target.fill(0);
    ASSERT_GT(::readlink((proc + "/exe").c_str(), target.data(), target.size() - 1), 0);
  }
  EXPECT_STREQ(target.data(), "/memfd:init (deleted)");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(proc + "/fd"), {}), 0);
#endif
  base::send_signal(running.process.pidfd, SIGTERM);
  const std::string rest = base::sys::read_all(running.output.get(), "output");
  EXPECT_NE(rest.find("got"), std::string::npos);
  EXPECT_EQ(test::wait_code(running.process.pid), 9);
  EXPECT_EQ(text.find("pid 1\n"), std::string::npos);
  EXPECT_EQ(sh("kill -KILL $$").code, 137);
}

TEST_F(Launch, GivesATerminal) {
  container_.tty = true;
  container_.argv = {"/bin/sh", "-c",
                     "tty; test -c /dev/console && echo console; echo $TERM; ps -o tty= -p 1"};
  int master = -1;
  int slave = -1;
  ASSERT_EQ(::openpty(&master, &slave, nullptr, nullptr, nullptr), 0);
  base::Fd master_fd(master);
  base::Fd slave_fd(slave);
  executor::LaunchRequest wanted = request(slave_fd);
  wanted.stdin_fd = slave;
  executor::Launched launched = executor::launch(wanted);
  slave_fd.reset();
  const auto failure = executor::launch_outcome(launched);
  ASSERT_FALSE(failure) << failure->text;
  std::string text;
  char buffer[256];
  for (ssize_t got = 0; (got = ::read(master, buffer, sizeof(buffer))) > 0;) {
    text.append(buffer, static_cast<std::size_t>(got));
  }
  EXPECT_EQ(test::wait_code(launched.pid), 0);
  EXPECT_NE(text.find("console"), std::string::npos) << text;
  EXPECT_NE(text.find("xterm"), std::string::npos) << text;
}

TEST_F(Launch, EntersARunningContainer) {
  container_.environment = {"A=1", "PATH=/usr/bin:/bin"};
  container_.working_dir = "/tmp";
  Running running = start({"sleep", "100"});
  ASSERT_FALSE(executor::launch_outcome(running.process));
  executor::EnterRequest first = enter_request({"sh", "-c",
                                                "echo $A $B; pwd; hostname; id -u; "
                                                "tr '\\0' ' ' < /proc/1/cmdline; echo; exit 5"});
  first.environment = {"B=2"};
  first.user = "nobody";
  Result result = enter(running, first);
  ASSERT_FALSE(result.failure) << result.failure->text;
  EXPECT_EQ(result.code, 5);
  EXPECT_EQ(result.output, "1 2\n/tmp\nweb\n65534\nsleep 100 \n");

  result = enter(running, enter_request({"sh", "-c",
                                         "grep -E 'CapEff|NoNew|Seccomp:' /proc/self/status; "
                                         "cat /proc/self/cgroup | cut -d: -f3 | sort -u; "
                                         "ls /proc/self/fd | tr '\\n' ' '"}));
  EXPECT_EQ(result.output, "CapEff:\t00000000800405fb\nNoNewPrivs:\t1\nSeccomp:\t2\n/\n0 1 2 3 ");
  result = enter(running, enter_request({"nosuchprogram"}));
  ASSERT_TRUE(result.failure);
  EXPECT_NE(result.failure->text.find("no such program"), std::string::npos);
  stop(running);
}

TEST_F(Launch, IsNotFooledByAHostileRootfs) {
  const std::string victim = dir_ + "/victim";
  base::sys::make_dir(victim, 0755);
  base::write_atomic(victim + "/hosts", "untouched\n", {.mode = 0644});
  const std::string root = make_rootfs();
  ASSERT_EQ(::symlink((victim + "/hosts").c_str(), (root + "/etc/hosts").c_str()), 0);
  ASSERT_EQ(::symlink("../../../../../../../../tmp", (root + "/vol").c_str()), 0);
  ASSERT_EQ(::symlink(victim.c_str(), (root + "/data/link").c_str()), 0);
  container_.image = "dir:" + root;
  container_.mounts = {{.type = spec::MountType::Tmpfs, .target = "/data/link/sub"},
                       {.type = spec::MountType::Tmpfs, .target = "/vol/a"}};
  Result result = sh("cat /etc/hosts; touch /vol/a/x; ls -d " + victim + "/sub");
  ASSERT_FALSE(result.failure) << result.failure->text;
  EXPECT_NE(result.output.find("127.0.0.1 localhost"), std::string::npos) << result.output;
  EXPECT_EQ(base::read_file(victim + "/hosts"), "untouched\n");
  EXPECT_EQ(base::list_dir(victim), std::vector<std::string>{"hosts"});
  container_.mounts.clear();
  for (const char* name : {"/dev", "/proc", "/sys"}) {
    base::remove_tree(paths_->container_data(container_.name));
    base::remove_tree(root + name);
    ASSERT_EQ(::symlink(victim.c_str(), (root + name).c_str()), 0);
    result = run({"true"});
    ASSERT_TRUE(result.failure) << name;
    EXPECT_NE(result.failure->hint.find("symbolic link"), std::string::npos)
        << result.failure->text;
    EXPECT_EQ(base::list_dir(victim), std::vector<std::string>{"hosts"});
    base::remove_file(root + name);
  }
}

TEST_F(Launch, KeepsWhatTheContainerWroteAndRemovesIt) {
  EXPECT_EQ(sh("echo kept > /root/file; ln -s / /root/link; mkdir -m 000 /root/none").code, 0);
  EXPECT_EQ(sh("cat /root/file").output, "kept\n");
  executor::remove_container_dirs(container_.name, *paths_);
  EXPECT_FALSE(base::exists(paths_->container_data(container_.name)));
  EXPECT_FALSE(base::exists(paths_->container_run(container_.name)));
  executor::remove_container_dirs(container_.name, *paths_);
}

TEST_F(Launch, RunsPrivileged) {
  container_.privileged = true;
  container_.no_new_privileges = false;
  const Result result = sh(
      "grep -E 'Seccomp:|NoNew' /proc/self/status; test -w /proc/sys/kernel/hostname && echo rw");
  EXPECT_EQ(result.output, "NoNewPrivs:\t0\nSeccomp:\t0\nrw\n");
}

}  // namespace
