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
    try {
      work();
    } catch (const std::exception& error) {
      status = 1;
      const std::string text = error.what();
      if (::write(writer.get(), text.data(), text.size()) < 0) status = 2;
    }
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
  std::string error;
  if (!WIFEXITED(status)) {
    error = "did not end in time";
  } else if (WEXITSTATUS(status) != 0) {
    error.resize(4096);
    const ssize_t n = ::read(job.error.get(), error.data(), error.size());
    error.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    if (error.empty()) error = "failed";
  }
  job.done(error);
}

}  // namespace supervisor
