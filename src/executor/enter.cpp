#include "executor/enter.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.hpp"
#include "base/sys.hpp"
#include "base/text.hpp"
#include "executor/cgroup.hpp"
#include "executor/child_program.hpp"
#include "executor/compile.hpp"
#include "executor/failure_text.hpp"
#include "executor/kernel_calls.hpp"

namespace executor {

namespace {

// Waits for the helper, which lives for some system calls only, and takes the pid it wrote.
pid_t take_pid(pid_t helper, const base::Fd& pids) {
  pid_t pid = 0;
  ssize_t got = 0;
  do {
    got = ::read(pids.get(), &pid, sizeof(pid));
  } while (got < 0 && errno == EINTR);
  int status = 0;
  while (::waitpid(helper, &status, __WALL) < 0 && errno == EINTR) {
  }
  return got == static_cast<ssize_t>(sizeof(pid)) ? pid : 0;
}

}  // namespace

// Two processes: the helper, outside the container's pid namespace and so invisible from inside,
// joins the cgroup and all namespaces; its sibling is born completely inside. With one process
// only, it would have to live inside the pid namespace for a moment with the host's root directory
// and our capabilities.
Launched enter(const EnterRequest& request) {
  const planner::Container& container = request.container;
  const base::PidFd target = base::open_pidfd(request.target);
  if (!target) {
    throw base::Error(base::cat("container ", container.name, " is not running"),
                      "start it with `stack up`");
  }
  ChildProgram program;
  program.tty = request.tty;
  program.stdio[0] = request.stdin_fd;
  program.stdio[1] = request.stdout_fd;
  program.stdio[2] = request.stderr_fd;

  const CgroupJoin join = open_cgroup(request.paths.container_cgroup(container.name));
  for (const base::Fd& procs : join.procs) {
    Step& step = program.add(Op::WriteFd, "join the cgroup");
    step.fd = procs.get();
    step.text = "0";
  }
  Step& setns = program.add(Op::Setns, base::cat("join the namespaces of ", container.name));
  setns.fd = target.get();
  setns.number =
      CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP;
  program.add(Op::Fork, base::cat("start a process in ", container.name));
  program.add(Op::Stdio, request.tty ? "take the terminal" : "set up standard input and output");
  std::string workdir = request.working_dir.empty() ? container.working_dir : request.working_dir;
  if (workdir.empty()) workdir = "/";
  program.add(Op::Workdir, base::cat("working directory ", workdir)).path =
      program.arena.keep(workdir);
  add_limit_steps(program, container);
  add_confinement_steps(program, container,
                        {request.user.empty() ? container.user : request.user, request.privileged});
  std::vector<std::string> environment = container.environment;
  environment.insert(environment.end(), request.environment.begin(), request.environment.end());
  add_exec_step(program, {request.argv, environment, container.hostname, request.tty});

  std::pair<base::Fd, base::Fd> status = base::sys::pipe();
  std::pair<base::Fd, base::Fd> pids = base::sys::pipe();
  program.status_fd = status.second.get();
  program.pid_fd = pids.second.get();

  kernel::CloneArgs args;
  args.flags = kernel::kCloneClearSighand;
  args.exit_signal = SIGCHLD;
  if (join.v2_dir) {
    args.flags |= kernel::kCloneIntoCgroup;
    args.cgroup = static_cast<std::uint64_t>(join.v2_dir.get());
  }
  const pid_t helper = kernel::clone3(args);
  if (helper < 0) base::throw_errno("start a process in", container.name);
  if (helper == 0) run_child(program);
  status.second.reset();
  pids.second.reset();
  const pid_t pid = take_pid(helper, pids.first);
  if (pid == 0) {
    const std::optional<LaunchFailure> failure = read_failure(status.first.get());
    if (failure) throw base::Error(failure->text, failure->hint);
    throw base::Error(base::cat("container ", container.name, " ended meanwhile"));
  }
  // Our own child and not waited for yet: the pid cannot have been reused.
  return {pid, base::open_pidfd(pid), std::move(status.first)};
}

}  // namespace executor
