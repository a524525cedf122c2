#include "fetch/auth_helper.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/sys.hpp"

extern char** environ;

namespace fetch {
namespace {

bool is_helper_name(const std::string& name) {
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && c != '-' && c != '_' && c != '.') return false;
  }
  return !name.empty() && name.size() <= 100;
}

// A child in a process group of its own, so that what it starts can be ended with it.
class HelperProcess {
 public:
  HelperProcess(const std::string& program, int input, int output) {
    posix_spawn_file_actions_t actions{};
    posix_spawnattr_t attributes{};
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&actions, input, 0);
    posix_spawn_file_actions_adddup2(&actions, output, 1);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attributes, 0);
    sigset_t all{};
    sigfillset(&all);
    posix_spawnattr_setsigdefault(&attributes, &all);
    std::string get = "get";
    std::string name = program;
    std::array<char*, 3> argv{name.data(), get.data(), nullptr};
    const int failed =
        posix_spawnp(&pid_, program.c_str(), &actions, &attributes, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (failed != 0) {
      pid_ = 0;
      throw base::SysError(failed, "run", program);
    }
  }
  ~HelperProcess() { static_cast<void>(end()); }
  HelperProcess(const HelperProcess&) = delete;
  HelperProcess& operator=(const HelperProcess&) = delete;

  // Kills what still runs; the exit status.
  int end() {
    if (pid_ == 0) return -1;
    ::kill(-pid_, SIGKILL);
    return reap();
  }
  // Waits for the end by itself until `deadline`; -1 when it was not in time.
  int wait(base::Duration deadline) {
    int status = 0;
    while (base::sys::monotonic_now() < deadline) {
      const pid_t got = ::waitpid(pid_, &status, WNOHANG);
      if (got == pid_) {
        ::kill(-pid_, SIGKILL);
        pid_ = 0;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
      }
      ::poll(nullptr, 0, 2);
    }
    end();
    return -1;
  }

 private:
  int reap() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  }

  pid_t pid_ = 0;
};

std::string read_bounded(int fd, const std::string& program, HelperBounds bounds,
                         base::Duration deadline) {
  std::string out;
  std::array<char, 4096> buffer{};
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - base::sys::monotonic_now());
    pollfd waiting{fd, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&waiting, 1, static_cast<int>(left.count())) == 0) {
      throw base::Error(
          base::cat(program, ": no answer within ", base::human_duration(bounds.time)));
    }
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return out;
    out.append(buffer.data(), static_cast<std::size_t>(got));
    if (out.size() > bounds.bytes) {
      throw base::Error(base::cat(program, ": answers more than ", bounds.bytes, " bytes"));
    }
  }
}

}  // namespace

std::optional<HelperAnswer> ask_helper(const std::string& name, const std::string& server,
                                       HelperBounds bounds) {
  if (!is_helper_name(name)) throw base::Error("a credential helper's name is not one");
  const std::string program = "docker-credential-" + name;
  const base::Duration deadline = base::sys::monotonic_now() + bounds.time;
  auto [input_read, input_write] = base::sys::pipe();
  auto [output_read, output_write] = base::sys::pipe();
  HelperProcess helper(program, input_read.get(), output_write.get());
  input_read.reset();
  output_write.reset();
  // Less than a pipe holds, so this never waits; a helper that does not read it is no error.
  struct sigaction ignore {};
  struct sigaction before {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, &before);
  const std::string question = server + "\n";
  [[maybe_unused]] const ssize_t sent =
      ::write(input_write.get(), question.data(), question.size());
  ::sigaction(SIGPIPE, &before, nullptr);
  input_write.reset();
  const std::string text = read_bounded(output_read.get(), program, bounds, deadline);
  const int status = helper.wait(deadline);
  if (status < 0) {
    throw base::Error(base::cat(program, ": no end within ", base::human_duration(bounds.time)));
  }
  if (status != 0) {
    if (text.find("not found") != std::string::npos) return std::nullopt;
    throw base::Error(base::cat(program, ": failed with exit status ", status));
  }
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("Username") || !json.contains("Secret") ||
      !json["Username"].is_string() || !json["Secret"].is_string()) {
    throw base::Error(program + ": its answer has no Username and Secret");
  }
  HelperAnswer answer{json["Username"].get<std::string>(), json["Secret"].get<std::string>()};
  if (answer.user.empty() && answer.secret.empty()) return std::nullopt;
  return answer;
}

}  // namespace fetch
