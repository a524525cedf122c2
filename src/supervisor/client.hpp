// Client: a command's side of the control socket, and the start of keeper and supervisor when none
// runs.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/paths.hpp"
#include "executor/outcome.hpp"
#include "planner/plan.hpp"

namespace supervisor {

struct ApplyOptions {
  std::optional<base::Duration> stop_timeout;  // -t: instead of each container's grace period
  // Once interrupted: how long what has begun is waited for; nothing: until it ends.
  std::optional<base::Duration> give_up_after;
  int stdin_pipe = -1;  // of the one-off in the plan: the reading end of a pipe of ours
};

struct ApplyResult {
  bool ok = false;
  bool stale = false;  // the state changed since the plan was made: observe and plan again
  bool gone = false;   // the supervisor ended meanwhile: stale, and a new connection is needed
  std::string error;   // why as a whole, when no single step says it
  std::string hint;
};

class Client {
 public:
  // Nothing when no supervisor of this project runs.
  static std::optional<Client> connect(const base::ProjectPaths& paths);
  // The same; keeper and supervisor of another program than ours are replaced by ours first, while
  // the containers run on. Where that does not work it is the old one.
  static std::optional<Client> connect_renewed(const base::ProjectPaths& paths);
  // Connects (renewed), or starts keeper and supervisor first.
  static Client start(const base::ProjectPaths& paths);

  // Sends the plan, reports every event as it comes, returns when the plan has ended. While it
  // runs, `interrupt_fd` (when >= 0) becoming readable cancels what has not begun; the callback
  // decides nothing.
  ApplyResult apply(const planner::Plan& plan, const ApplyOptions& options,
                    const executor::OnEvent& on_event, int interrupt_fd = -1);

  // Master of a container's pty for `attach`, or its stdin; invalid when it has none.
  base::Fd open_stdin(const std::string& container);
  // Readable (end of file) when the supervisor goes away; for waiting.
  [[nodiscard]] int fd() const { return socket_.get(); }

 private:
  explicit Client(base::Fd socket) : socket_(std::move(socket)) {}
  base::Fd socket_;
  std::string buffer_;
};

// Lets keeper and supervisor go on where somebody has stopped them (SIGSTOP).
// True when one was.
bool wake(const base::ProjectPaths& paths);

// The lock that makes a supervisor the only one of its stack: nothing while another has it, or
// while somebody removes the folder in which it lies.
std::optional<base::Fd> try_lock(const base::ProjectPaths& paths);

// Removes the folders of a stack of which nothing is there: a command that was killed before it had
// started a supervisor leaves them. Does nothing where there is a supervisor or an intent.
void sweep(const base::ProjectPaths& paths);

// Entry points of the re-executed processes; called by main() before anything else when argv[0]
// says so.
inline constexpr const char* kKeeperName = "stack-keeper";
inline constexpr const char* kSupervisorName = "stack-supervisor";
int keeper_main(int argc, char** argv);
int supervisor_main(int argc, char** argv);

}  // namespace supervisor
