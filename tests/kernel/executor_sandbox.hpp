// Sandbox: roots in a temporary folder, a cgroup parent of its own, one container at a time, output
// collected. Shared by the executor's kernel tests; removes everything and checks that it is gone.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <memory>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/sys.hpp"
#include "base/text.hpp"
#include "executor/cgroup.hpp"
#include "executor/devices.hpp"
#include "executor/enter.hpp"
#include "executor/launch.hpp"
#include "image/rootfs.hpp"

namespace test {

struct Result {
  std::optional<executor::LaunchFailure> failure;
  std::string output;  // stdout and stderr
  int code = -1;       // exit code, or 128 + signal
};

struct Running {
  executor::Launched process;
  base::Fd output;
};

inline int wait_code(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

class Sandbox : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/stack-executor-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    dir_ = name;
    base::Roots roots = base::Roots::from(dir_);
    roots.cgroup_parent = "/stack-test-executor-" + dir_.substr(dir_.size() - 6);
    paths_ = std::make_unique<base::ProjectPaths>(roots, "test");
    mounts_before_ = base::read_file("/proc/self/mountinfo");
    container_.name = "test-web-1";
    container_.service = "web";
    container_.image = "host";
    container_.hostname = "web";
    container_.place = "app.yaml:3:5";
    container_.network = planner::NetworkKind::None;
    container_.stop_grace_period = std::chrono::seconds(1);
  }

  void TearDown() override {
    const std::string group = paths_->roots.cgroup_parent;
    executor::kill_cgroup(group);
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    executor::remove_cgroup(group, std::chrono::seconds(3));
    EXPECT_TRUE(executor::cgroup_pids(group).empty());
    EXPECT_EQ(base::read_file("/proc/self/mountinfo"), mounts_before_) << "a mount was left behind";
    base::remove_tree(dir_);
    for (const auto& hierarchy : executor::CgroupHost::get().hierarchies) {
      EXPECT_FALSE(base::exists(hierarchy.mount + group));
    }
  }

  executor::LaunchRequest request(const base::Fd& out) {
    rootfs_ = image::resolve(container_.image, dir_, paths_->roots);
    if (container_.environment.empty()) container_.environment = rootfs_.config.environment;
    executor::make_container_dirs(container_, *paths_);
    executor::write_etc(container_, *paths_, {});
    executor::ensure_cgroup(paths_->container_cgroup(container_.name),
                            executor::cgroup_settings(container_));
    executor::LaunchRequest request{container_, rootfs_, *paths_};
    request.stdout_fd = out.get();
    request.stderr_fd = out.get();
    return request;
  }

  Running start(std::vector<std::string> argv) {
    container_.argv = std::move(argv);
    auto [read, write] = base::sys::pipe();
    executor::Launched launched = executor::launch(request(write));
    return {std::move(launched), std::move(read)};
  }

  Result run(std::vector<std::string> argv) {
    Running running = start(std::move(argv));
    return finish(running);
  }
  Result sh(const std::string& script) { return run({"/bin/sh", "-c", script}); }

  static Result finish(Running& running) {
    Result out;
    out.failure = executor::launch_outcome(running.process);
    out.output = base::sys::read_all(running.output.get(), "output");
    out.code = wait_code(running.process.pid);
    return out;
  }

  Result enter(const Running& running, executor::EnterRequest request) {
    auto [read, write] = base::sys::pipe();
    request.target = *base::identify(running.process.pid);
    if (request.stdout_fd < 0) request.stdout_fd = request.stderr_fd = write.get();
    Result out;
    Running inner;
    inner.process = executor::enter(request);
    inner.output = std::move(read);
    write.reset();
    return finish(inner);
  }
  executor::EnterRequest enter_request(std::vector<std::string> argv) {
    executor::EnterRequest out{container_, *paths_};
    out.argv = std::move(argv);
    return out;
  }

  void stop(Running& running) {
    base::send_signal(running.process.pidfd, SIGKILL);
    wait_code(running.process.pid);
  }

  // A tiny root file system with busybox and what it needs to run.
  std::string make_rootfs() {
    const std::string root = dir_ + "/rootfs";
    for (const char* name : {"/bin", "/etc", "/lib64", "/lib/x86_64-linux-gnu", "/data"}) {
      base::sys::make_dirs(root + name, 0755);
    }
    copy("/usr/bin/busybox", root + "/bin/busybox");
    for (const char* tool : {"sh", "cat", "id", "ls", "echo", "sleep", "true", "stat"}) {
      EXPECT_EQ(::symlink("busybox", base::cat(root, "/bin/", tool).c_str()), 0);
    }
    for (const char* library : {"libc.so.6", "libresolv.so.2"}) {
      const std::string path = base::cat("/lib/x86_64-linux-gnu/", library);
      if (base::exists(path)) copy(path, root + path);
    }
    copy("/lib64/ld-linux-x86-64.so.2", root + "/lib64/ld-linux-x86-64.so.2");
    return root;
  }
  static void copy(const std::string& from, const std::string& to) {
    base::write_atomic(to, base::read_file(from), {.mode = 0755});
  }

  std::string dir_;
  std::unique_ptr<base::ProjectPaths> paths_;
  planner::Container container_;
  image::Rootfs rootfs_;
  std::string mounts_before_;
};

}  // namespace test
