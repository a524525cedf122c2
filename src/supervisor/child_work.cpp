#include "supervisor/child_work.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/crash_point.hpp"
#include "base/error.hpp"
#include "base/sys.hpp"

namespace supervisor {

ChildWork::~ChildWork() {
  for (const auto& [id, job] : jobs_) {
    loop_.remove(job.watch);
    loop_.remove(job.timer);
  }
}

void ChildWork::run(const std::function<void()>& work, base::Duration deadline,
                    std::function<void(const std::string&)> done) {
  ask(
      [&work] {
        work();
        return std::string();
      },
      deadline, [done = std::move(done)](const Answer& answer) { done(answer.error); });
}

void ChildWork::ask(const std::function<std::string()>& work, base::Duration deadline,
                    std::function<void(const Answer&)> done) {
  auto [reader, writer] = base::sys::pipe(O_NONBLOCK);
  CRASH_POINT("work/before");
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) base::throw_errno("fork");
  if (pid == 0) {
    int status = 0;
    // Nothing of us outlives us in a child: our lock and names are the next supervisor's, which
    // begins the same work anew.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(2);
    base::sys::close_all_but(writer.get());
    CRASH_POINT("work/child");
    std::string text;
    try {
      text = work();
    } catch (const std::exception& error) {
      status = 1;
      text = error.what();
    }
    if (!text.empty() && ::write(writer.get(), text.data(), text.size()) < 0) status = 2;
    ::_exit(status);
  }
  const std::uint64_t id = next_++;
  Job& job = jobs_[id];
  job.pid = pid;
  job.pidfd = base::open_pidfd(pid);
  job.error = std::move(reader);
  job.done = std::move(done);
  job.watch = loop_.watch(job.pidfd.get(), EPOLLIN, [this, id](std::uint32_t) { finish(id); });
  job.timer = loop_.after(deadline, [this, id] {
    if (const auto at = jobs_.find(id); at != jobs_.end()) {
      base::send_signal(at->second.pidfd, SIGKILL);
    }
  });
}

void ChildWork::finish(std::uint64_t id) {
  const auto at = jobs_.find(id);
  if (at == jobs_.end()) return;
  Job job = std::move(at->second);
  jobs_.erase(at);
  loop_.remove(job.watch);
  loop_.remove(job.timer);
  int status = 0;
  ::waitpid(job.pid, &status, 0);
  CRASH_POINT("work/ended");
  Answer answer;
  answer.text.resize(4096);
  const ssize_t n = ::read(job.error.get(), answer.text.data(), answer.text.size());
  answer.text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  if (!WIFEXITED(status)) {
    answer.error = "did not end in time";
  } else if (WEXITSTATUS(status) != 0) {
    answer.error = answer.text.empty() ? "failed" : answer.text;
  }
  job.done(answer);
}

}  // namespace supervisor
