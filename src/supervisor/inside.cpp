#include "supervisor/inside.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "base/error.hpp"
#include "base/sys.hpp"
#include "executor/enter.hpp"

namespace supervisor {

namespace {

constexpr std::size_t kInsideOutput = 4096;

// Its session is its own from its first moments on; nobody else can have its pid, for we have not
// waited for it yet.
void kill_session(const executor::Launched& running) {
  ::kill(-running.pid, SIGKILL);
  base::send_signal(running.pidfd, SIGKILL);
}

// One that is frozen or inside the kernel dies later: never waited for in the loop.
void reap_later(Loop& loop, executor::Launched running) {
  if (::waitpid(running.pid, nullptr, WNOHANG) == running.pid) return;
  auto held = std::make_shared<executor::Launched>(std::move(running));
  auto id = std::make_shared<Loop::Id>(0);
  *id = loop.watch(held->pidfd.get(), EPOLLIN, [&loop, held, id](std::uint32_t) {
    ::waitpid(held->pid, nullptr, WNOHANG);
    loop.remove(*id);
  });
}

std::string ending_of(int status) {
  if (WIFSIGNALED(status)) return base::cat("was killed by signal ", WTERMSIG(status));
  return base::cat("exited with ", WEXITSTATUS(status));
}

}  // namespace

InsideProgram::InsideProgram(Loop& loop, const InsideRequest& request, Done done)
    : loop_(loop), done_(std::move(done)), timeout_(request.timeout) {
  try {
    auto [reader, writer] = base::sys::pipe(0);
    ::fcntl(reader.get(), F_SETFL, O_NONBLOCK);
    running_ = executor::enter({.container = request.container,
                                .paths = request.paths,
                                .target = request.target,
                                .argv = request.program.command,
                                .environment = request.program.environment,
                                .working_dir = request.program.working_dir,
                                .user = request.program.user,
                                .privileged = request.program.privileged,
                                .stdin_fd = -1,
                                .stdout_fd = writer.get(),
                                .stderr_fd = writer.get(),
                                .tty = false});
    output_ = std::move(reader);
  } catch (const base::Error& error) {
    text_ = error.what();
    deadline_ = loop_.soon([this] { finish(false); });
    return;
  }
  output_watch_ = loop_.watch(output_.get(), EPOLLIN, [this](std::uint32_t) { read_output(); });
  watch_ = loop_.watch(running_.pidfd.get(), EPOLLIN, [this](std::uint32_t) { finish(false); });
  deadline_ = loop_.after(timeout_, [this] {
    deadline_ = 0;
    finish(true);
  });
}

InsideProgram::~InsideProgram() {
  let_go();
}

void InsideProgram::let_go() {
  for (Loop::Id* id : {&deadline_, &watch_, &output_watch_}) {
    loop_.remove(*id);
    *id = 0;
  }
  output_.reset();
  if (running_.pid <= 0) return;
  kill_session(running_);
  reap_later(loop_, std::move(running_));
  running_ = {};
}

void InsideProgram::read_output() {
  std::array<char, 4096> piece{};
  while (true) {
    const ssize_t n = ::read(output_.get(), piece.data(), piece.size());
    if (n <= 0) {
      // End of file would wake us for ever.
      if (n == 0) {
        loop_.remove(output_watch_);
        output_watch_ = 0;
      }
      return;
    }
    const std::size_t room = kInsideOutput - std::min(kInsideOutput, text_.size());
    text_.append(piece.data(), std::min(room, static_cast<std::size_t>(n)));
  }
}

void InsideProgram::finish(bool timed_out) {
  InsideResult result;
  result.timed_out = timed_out;
  if (running_.pid <= 0) {
    result.ending = std::exchange(text_, {});
  } else if (timed_out) {
    read_output();
    result.ending = base::cat("did not end within ", base::human_duration(timeout_));
  } else {
    read_output();
    int status = 0;
    ::waitpid(running_.pid, &status, 0);  // its pidfd says that it has ended
    result.ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    result.ending = ending_of(status);
    if (!result.ok) {
      if (const auto failure = executor::launch_outcome(running_)) result.ending = failure->text;
    }
    running_ = {};
  }
  result.output = std::move(text_);
  let_go();
  const Done done = std::move(done_);
  done(std::move(result));  // may destroy us: last
}

}  // namespace supervisor
