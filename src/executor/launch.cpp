#include "executor/launch.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>

#include <cerrno>

#include "base/crash_point.hpp"
#include "base/error.hpp"
#include "base/sys.hpp"
#include "base/text.hpp"
#include "executor/cgroup.hpp"
#include "executor/child_program.hpp"
#include "executor/compile.hpp"
#include "executor/failure_text.hpp"
#include "executor/init_program.hpp"
#include "executor/kernel_calls.hpp"

namespace executor {

namespace {

void add_name_steps(ChildProgram& program, const planner::Container& container) {
  if (!container.hostname.empty()) {
    program.add(Op::Hostname, base::cat("hostname ", container.hostname, place_of(container)))
        .text = program.arena.keep(container.hostname);
  }
  if (!container.domainname.empty()) {
    program.add(Op::Domainname, base::cat("domainname ", container.domainname, place_of(container)))
        .text = program.arena.keep(container.domainname);
  }
}

}  // namespace

Launched launch(const LaunchRequest& request) {
  const planner::Container& container = request.container;
  ChildProgram program;
  program.steps.reserve(160);
  program.tty = container.tty;
  program.stdio[0] = request.stdin_fd;
  program.stdio[1] = request.stdout_fd;
  program.stdio[2] = request.stderr_fd;

  const CgroupJoin join = open_cgroup(request.paths.container_cgroup(container.name));
  for (const base::Fd& procs : join.procs) {
    Step& step = program.add(Op::WriteFd, "join the cgroup");
    step.fd = procs.get();
    step.text = "0";
  }
  // After joining: a cgroup namespace is rooted where its maker is at that moment.
  program.add(Op::Unshare, "make a cgroup namespace").number = CLONE_NEWCGROUP;
  base::Fd netns;
  if (!request.netns.empty()) {
    netns = base::sys::open(request.netns, O_RDONLY);
    Step& step = program.add(Op::Setns, base::cat("join the network namespace ", request.netns));
    step.fd = netns.get();
    step.number = CLONE_NEWNET;
  }
  program.add(Op::Stdio, container.tty ? "take the terminal" : "set up standard input and output");
  add_root_steps(program, request);
  add_name_steps(program, container);
  add_limit_steps(program, container);
  add_confinement_steps(program, container, {container.user, false});
  if (container.init) program.add(Op::Init, "start the container's init").fd = init_program();
  add_exec_step(program,
                {container.argv, container.environment, container.hostname, container.tty});

  std::pair<base::Fd, base::Fd> status = base::sys::pipe();
  program.status_fd = status.second.get();

  int pidfd = -1;
  kernel::CloneArgs args;
  args.flags = kernel::kClonePidFd | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC |
               kernel::kCloneClearSighand;
  args.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  if (join.v2_dir) {
    args.flags |= kernel::kCloneIntoCgroup;
    args.cgroup = static_cast<std::uint64_t>(join.v2_dir.get());
  }
  if (request.clone_parent) {
    args.flags |= kernel::kCloneParent;
    args.exit_signal = 0;  // taken from our own with CLONE_PARENT
  }
  CRASH_POINT("launch/before-clone");
  const pid_t pid = kernel::clone3(args);
  if (pid < 0) {
    throw base::SysError(errno, "start a process for", container.name,
                         errno == EAGAIN
                             ? "the machine or its cgroup allows no more processes"
                             : "the kernel must have clone3 (5.7 or newer) and namespaces");
  }
  if (pid == 0) run_child(program);
  CRASH_POINT("launch/after-clone");
  return {pid, base::PidFd(pidfd), std::move(status.first)};
}

std::optional<LaunchFailure> launch_outcome(const Launched& launched) {
  return read_failure(launched.status.get());
}

}  // namespace executor
