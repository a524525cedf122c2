#include "supervisor/keeper.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>

#include "base/crash_point.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/process.hpp"
#include "base/sys.hpp"
#include "base/text.hpp"
#include "executor/cgroup.hpp"
#include "executor/container_state.hpp"
#include "supervisor/client.hpp"
#include "supervisor/control.hpp"
#include "supervisor/keeper_link.hpp"
#include "supervisor/keeper_state.hpp"
#include "supervisor/rest.hpp"

extern char** environ;

namespace supervisor {

namespace {

// What a keeper inherits from the process that started it.
constexpr int kHeldSocketFd = 3;
constexpr int kClientFd = 4;

std::vector<char*> raw(std::vector<std::string>& words) {
  std::vector<char*> out;
  out.reserve(words.size() + 1);
  for (std::string& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

struct SpawnActions {
  posix_spawn_file_actions_t actions{};
  posix_spawnattr_t attributes{};
  SpawnActions() {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
  }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  ~SpawnActions() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
};

// Starts our own program under another name with `three` and `four` at descriptors 3 and 4 (-1:
// none).
pid_t spawn_self(const char* name, const base::ProjectPaths& paths, int three, int four) {
  SpawnActions spawn;
  // Above every number that is assigned below, so that no dup2 overwrites another's source.
  const base::Fd third(three >= 0 ? ::fcntl(three, F_DUPFD_CLOEXEC, 10) : -1);
  const base::Fd fourth(four >= 0 ? ::fcntl(four, F_DUPFD_CLOEXEC, 10) : -1);
  ::posix_spawn_file_actions_addopen(&spawn.actions, 0, "/dev/null", O_RDWR, 0);
  ::posix_spawn_file_actions_adddup2(&spawn.actions, 0, 1);
  ::posix_spawn_file_actions_adddup2(&spawn.actions, 0, 2);
  if (third) ::posix_spawn_file_actions_adddup2(&spawn.actions, third.get(), 3);
  if (fourth) ::posix_spawn_file_actions_adddup2(&spawn.actions, fourth.get(), 4);
  sigset_t none;
  sigset_t all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&spawn.attributes, &none);
  ::posix_spawnattr_setsigdefault(&spawn.attributes, &all);
  ::posix_spawnattr_setflags(&spawn.attributes,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
  std::vector<std::string> words = program_arguments(name, paths);
  pid_t pid = 0;
  CRASH_POINT("spawn/", name, "/before");
  const int error = ::posix_spawn(&pid, "/proc/self/exe", &spawn.actions, &spawn.attributes,
                                  raw(words).data(), environ);
  if (error != 0) throw base::SysError(error, "start", name);
  CRASH_POINT("spawn/", name, "/after");
  return pid;
}

std::string keeper_sign(const base::ProjectPaths& paths) {
  return paths.control_socket + ".keeper";
}

class Keeper {
 public:
  explicit Keeper(base::ProjectPaths paths) : paths_(std::move(paths)) {}

  // `state`: we are a keeper that has become a newer program, and this is what it knew.
  int run(base::Fd state) {
    // First of all: whatever is opened next would get the number of one that was not inherited.
    base::Fd client(!state && ::fcntl(kClientFd, F_GETFD) >= 0 ? kClientFd : -1);
    if (client) ::fcntl(client.get(), F_SETFD, FD_CLOEXEC);
    sigset_t watched;
    ::sigemptyset(&watched);
    ::sigaddset(&watched, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &watched, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(SIGHUP, SIG_IGN);
    const base::Fd signals(::signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK));
    CRASH_POINT("started");
    if (state) {
      restore(state);
    } else {
      take_over();
    }
    CRASH_POINT("taken-over");
    // Nothing is said over it: that it answers tells that somebody is there to reap and to tell.
    sign_ = base::Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const ControlAddress address(keeper_sign(paths_));
    if (::bind(sign_.get(), address.get(), address.size()) != 0) sign_.reset();
    try {
      // So that the end of a cron job or of a unit does not end the stack.
      executor::leave_callers_cgroups(supervisor_cgroup(paths_));
    } catch (const base::Error&) {
      // Without the right to leave we still serve: the stack ends with the caller's group then.
    }
    if (supervisor_ == 0) start_supervisor(std::move(client));
    if (!reap()) return 0;  // what ended while one program became the other
    while (true) {
      std::vector<pollfd> polled{{signals.get(), POLLIN, 0}};
      if (socket_) polled.push_back({socket_.get(), POLLIN, 0});
      const int timeout = supervisor_ == 0 ? restart_delay_ms_ : -1;
      const int n = ::poll(polled.data(), polled.size(), timeout);
      if (n < 0 && errno != EINTR) return 1;
      if (n == 0 && supervisor_ == 0) start_supervisor({});
      if (polled.size() > 1 && (polled[1].revents & (POLLIN | POLLHUP)) != 0) serve();
      signalfd_siginfo info{};
      while (::read(signals.get(), &info, sizeof(info)) > 0) {
      }
      if (!reap()) return 0;
    }
  }

 private:
  // Descriptors handed over by a supervisor that lost its keeper.
  void take_over() {
    if (::fcntl(kHeldSocketFd, F_GETFD) < 0) return;
    const base::Fd handed(kHeldSocketFd);
    while (true) {
      base::sys::Received message = base::sys::receive_with_fds(handed.get());
      if (!message.got || message.eof) return;
      held_[message.text] = std::move(message.fds);
    }
  }

  void start_supervisor(base::Fd client) {
    auto [ours, theirs] = base::sys::socket_pair(SOCK_SEQPACKET);
    // A large list of held descriptors must not block us while the supervisor starts.
    const int size = 1 << 20;
    ::setsockopt(ours.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    const base::Duration now = base::sys::monotonic_now();
    quick_deaths_ = now - started_at_ < std::chrono::seconds(2) ? quick_deaths_ + 1 : 0;
    // At once as a rule; one that cannot live is not started a thousand times a second.
    restart_delay_ms_ =
        quick_deaths_ < 8 ? 1 : std::min(50 << std::min(quick_deaths_ - 8, 6U), 1000);
    started_at_ = now;
    supervisor_ = spawn_self(kSupervisorName, paths_, theirs.get(), client.get());
    socket_ = std::move(ours);
    give_back_memory();
  }

  void send(KeeperVerb verb, const std::string& text, std::span<const int> fds = {}) {
    try {
      base::sys::send_with_fds(socket_.get(), base::cat(static_cast<char>(verb), text), fds);
    } catch (const base::SysError&) {
      // It has died; the next one asks again.
    }
  }

  void serve() {
    base::sys::Received message = base::sys::receive_with_fds(socket_.get());
    if (message.eof) {
      socket_.reset();
      return;
    }
    if (!message.got || message.text.empty()) return;
    const std::string text = message.text.substr(1);
    CRASH_POINT("message/", message.text[0], "/before");
    switch (static_cast<KeeperVerb>(message.text[0])) {
      case KeeperVerb::Hold:
        held_[text] = std::move(message.fds);
        break;
      case KeeperVerb::Drop:
        held_.erase(text);
        break;
      case KeeperVerb::List:
        for (const auto& [key, fds] : held_) {
          std::vector<int> numbers;
          for (const base::Fd& fd : fds) numbers.push_back(fd.get());
          send(KeeperVerb::Held, key, numbers);
        }
        for (const auto& record : exits_) send(KeeperVerb::Exit, encode_exit(record));
        send(KeeperVerb::Listed, {});
        break;
      case KeeperVerb::Forget:
        std::erase_if(exits_, [&text](const executor::ExitRecord& record) {
          return base::cat(record.process.pid, " ", record.process.start_time) == text;
        });
        break;
      case KeeperVerb::Renew:
        renew(text);
        break;
      case KeeperVerb::Quit:
        quit_ = true;
        break;
      case KeeperVerb::Held:
      case KeeperVerb::Listed:
      case KeeperVerb::Exit:
        break;
    }
    CRASH_POINT("message/", message.text[0], "/after");
  }

  // The same process, so that the containers keep their parent; the supervisor sees its link end
  // and goes. Comes back only when the program cannot be run: then all is as before.
  void renew(const std::string& program) {
    const KeeperState state{supervisor_, held_, exits_};
    try {
      const base::Fd written = write_keeper_state(state);
      for (const auto& [key, fds] : held_) {
        for (const base::Fd& fd : fds) ::fcntl(fd.get(), F_SETFD, 0);
      }
      ::fcntl(written.get(), F_SETFD, 0);
      std::vector<std::string> words = program_arguments(kKeeperName, paths_);
      words.push_back(std::to_string(written.get()));
      ::execve(program.c_str(), raw(words).data(), environ);
    } catch (const base::Error&) {
    }
    for (const auto& [key, fds] : held_) {
      for (const base::Fd& fd : fds) ::fcntl(fd.get(), F_SETFD, FD_CLOEXEC);
    }
  }

  void restore(const base::Fd& state) {
    KeeperInheritance inherited = read_keeper_state(state);
    supervisor_ = inherited.supervisor;
    held_ = std::move(inherited.held);
    exits_ = std::move(inherited.exits);
  }

  // False when all is over.
  bool reap() {
    while (true) {
      siginfo_t info{};
      if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) break;
      const pid_t pid = info.si_pid;
      if (pid == supervisor_) {
        ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED);
        supervisor_ = 0;
        CRASH_POINT("reap/supervisor");
        // Messages sent just before its end count: descriptors to hold, or that we may go.
        while (socket_ && pending()) serve();
        socket_.reset();
        if (quit_ || (info.si_code == CLD_EXITED && info.si_status == 0)) {
          CRASH_POINT("leaves");
          return false;
        }
        if (restart_delay_ms_ <= 1) start_supervisor({});
        continue;
      }
      CRASH_POINT("reap/before");
      const executor::ExitRecord record = write_down(info);
      CRASH_POINT("reap/written");
      ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED);
      // Told after it was reaped: its control group is empty then and can be removed.
      CRASH_POINT("reap/reaped");
      if (socket_) send(KeeperVerb::Exit, encode_exit(record));
      CRASH_POINT("reap/told");
    }
    return true;
  }

  bool pending() {
    pollfd wait{socket_.get(), POLLIN, 0};
    return ::poll(&wait, 1, 0) > 0 && (wait.revents & POLLIN) != 0;
  }

  // Written down before it is reaped: a death of ours in between is seen by nobody, but the
  // kernel's zombie then goes to init with its status.
  executor::ExitRecord write_down(const siginfo_t& info) {
    executor::ExitRecord record;
    record.process = base::identify(info.si_pid).value_or(base::ProcessId{info.si_pid, 0});
    record.status = info.si_status;
    record.reason = info.si_code;
    record.time_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count();
    try {
      executor::append_exit(paths_.exits, record);
    } catch (const base::Error&) {
      // Full disk or a removed runtime folder: memory still has it.
    }
    exits_.push_back(record);
    if (exits_.size() > 4096) exits_.pop_front();
    return record;
  }

  base::ProjectPaths paths_;
  base::Fd socket_, sign_;
  pid_t supervisor_ = 0;
  std::map<std::string, std::vector<base::Fd>> held_;
  std::deque<executor::ExitRecord> exits_;
  base::Duration started_at_{0};
  unsigned quick_deaths_ = 0;
  int restart_delay_ms_ = 1;
  bool quit_ = false;
};

}  // namespace

bool keeper_alive(const base::ProjectPaths& paths) {
  const base::Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const ControlAddress address(keeper_sign(paths));
  return socket && ::connect(socket.get(), address.get(), address.size()) == 0;
}

std::string supervisor_cgroup(const base::ProjectPaths& paths) {
  return paths.cgroup + "/.supervisor";
}

std::vector<std::string> program_arguments(const char* name, const base::ProjectPaths& paths) {
  return {name, paths.roots.data, paths.roots.run, paths.roots.cgroup_parent, paths.project};
}

base::ProjectPaths parse_program_arguments(int argc, char** argv) {
  if (argc != 5) throw base::Error("started by hand? run stack up");
  base::Roots roots;
  roots.data = argv[1];
  roots.run = argv[2];
  roots.cgroup_parent = argv[3];
  return {roots, argv[4]};
}

void start_keeper(KeeperStart start) {
  auto [ours, theirs] = base::sys::socket_pair(SOCK_SEQPACKET);
  // A process between us and the keeper, so that the keeper is nobody's child for long.
  CRASH_POINT("keeper/before-fork");
  const pid_t between = ::fork();
  if (between < 0) base::throw_errno("fork");
  if (between == 0) {
    int status = 1;
    try {
      if (::chdir("/") != 0) ::_exit(1);
      ::umask(022);
      spawn_self(kKeeperName, start.paths, theirs.get(), start.client.get());
      status = 0;
    } catch (const base::Error&) {
    }
    ::_exit(status);
  }
  theirs.reset();
  for (const auto& [key, fds] : start.held) {
    CRASH_POINT("keeper/hand-over");
    base::sys::send_with_fds(ours.get(), key, fds);
  }
  ours.reset();
  int status = 0;
  while (::waitpid(between, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) throw base::Error("cannot start the keeper");
  CRASH_POINT("keeper/started");
}

int keeper_main(int argc, char** argv) {
  try {
    ::prctl(PR_SET_NAME, "stack-keeper");
    base::sys::raise_open_files();  // several a container
    // One that was renewed has one word more: the descriptor of its state.
    base::Fd state(argc == 6 ? static_cast<int>(base::parse_int(argv[5]).value_or(-1)) : -1);
    return Keeper(parse_program_arguments(state ? 5 : argc, argv)).run(std::move(state));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "stack-keeper: %s\n", error.what());
    return 1;
  }
}

}  // namespace supervisor
