#include "executor/enter.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "base/error.hpp"
#include "base/sys.hpp"
#include "base/text.hpp"
#include "executor/cgroup.hpp"
#include "executor/child_program.hpp"
#include "executor/compile.hpp"
#include "executor/failure_text.hpp"
#include "executor/kernel_calls.hpp"
#include "executor/look.hpp"

namespace executor {

namespace {

base::Error frozen(const std::string& container) {
  return base::Error(base::cat("container ", container, " is frozen: nothing can be started in it"),
                     "stack reconcile lets it go on");
}

// The helper lives for some system calls only, unless somebody freezes the control group meanwhile:
// false then.
bool wait_unless_frozen(int fd, const std::string& group) {
  constexpr int kLookAgainMs = 100;
  while (true) {
    pollfd wait{fd, POLLIN, 0};
    const int n = ::poll(&wait, 1, kLookAgainMs);
    if (n > 0) return true;
    if (n == 0 && is_frozen(group)) return false;
  }
}

// Together with those that were killed while they were frozen, which may die later than that.
void reap(pid_t helper) {
  static std::vector<pid_t> helpers;
  helpers.push_back(helper);
  std::erase_if(helpers,
                [](pid_t each) { return ::waitpid(each, nullptr, __WALL | WNOHANG) != 0; });
}

// Takes the pid that the helper wrote; 0: it ended without.
pid_t take_pid(pid_t helper, const base::Fd& pids, const planner::Container& container,
               const std::string& group) {
  pid_t pid = 0;
  ssize_t got = 0;
  const bool told = wait_unless_frozen(pids.get(), group);
  while (told && (got = ::read(pids.get(), &pid, sizeof(pid))) < 0 && errno == EINTR) {
  }
  // Not waited for yet: its pid cannot have been reused.
  const base::PidFd process = base::open_pidfd(helper);
  const bool held_up = !told || (process && !wait_unless_frozen(process.get(), group));
  if (held_up) ::kill(helper, SIGKILL);
  reap(helper);
  if (!told) throw frozen(container.name);
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
  const std::string group = request.paths.container_cgroup(container.name);
  if (is_frozen(group)) throw frozen(container.name);
  ChildProgram program;
  program.tty = request.tty;
  program.stdio[0] = request.stdin_fd;
  program.stdio[1] = request.stdout_fd;
  program.stdio[2] = request.stderr_fd;

  const CgroupJoin join = open_cgroup(group);
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
  const pid_t pid = take_pid(helper, pids.first, container, group);
  if (pid == 0) {
    const std::optional<LaunchFailure> failure = read_failure(status.first.get());
    if (failure) throw base::Error(failure->text, failure->hint);
    throw base::Error(base::cat("container ", container.name, " ended meanwhile"));
  }
  // Our own child and not waited for yet: the pid cannot have been reused.
  return {pid, base::open_pidfd(pid), std::move(status.first)};
}

}  // namespace executor
