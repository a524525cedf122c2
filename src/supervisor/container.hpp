// Container: one container's life as the supervisor sees it: launch, exit, restart, stop, removal,
// adoption after a supervisor's death. Owns its watches and its health check; says what changed
// through its Host.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/paths.hpp"
#include "executor/container_state.hpp"
#include "executor/launch.hpp"
#include "executor/runner.hpp"
#include "planner/actual.hpp"
#include "planner/desired.hpp"
#include "supervisor/child_work.hpp"
#include "supervisor/event_journal.hpp"
#include "supervisor/health.hpp"
#include "supervisor/hooks.hpp"
#include "supervisor/keeper_link.hpp"
#include "supervisor/log_mover.hpp"
#include "supervisor/loop.hpp"

namespace supervisor {

// What all containers of a supervisor share.
struct Host {
  Loop& loop;
  base::ProjectPaths paths;
  std::string working_dir;  // for relative image references
  KeeperLink& keeper;
  LogMover& logs;
  ChildWork& work;
  std::function<void(const std::string& container)> changed;
  EventJournal& events;
};

class Container {
 public:
  using Done = std::function<void(executor::StepResult)>;

  Container(Host& host, planner::Container spec);
  ~Container();
  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;

  [[nodiscard]] const planner::Container& spec() const { return spec_; }
  [[nodiscard]] const planner::ActualContainer& state() const { return state_; }
  // Runs, or will again by its restart policy.
  [[nodiscard]] bool active() const;
  [[nodiscard]] bool running() const {
    return state_.status == planner::ContainerStatus::Running ||
           state_.status == planner::ContainerStatus::Paused;
  }

  // From nothing: what an earlier one of this name left is thrown away.
  void create(Done done);
  // The same, and not started: that is left to whoever asks for it.
  void prepare(const Done& done);
  // Again, with its files kept.
  void start(Done done);
  // pre_stop hooks, signal, SIGKILL when the grace is over. At once done when it does not run. The
  // result's text says when it had to be killed.
  void stop(std::optional<base::Duration> grace, Done done);
  // Sends a signal to its pid 1. SIGKILL ends the whole container, which then stays ended whatever
  // its restart policy says, as docker has it; `done` comes when it has ended.
  void signal(int number, Done done);
  enum class Freeze : std::uint8_t { Thawed, Frozen };
  // All of its processes at once, by the freezer. Health checks rest meanwhile.
  executor::StepResult pause(Freeze wanted);
  // Stops, then everything of it goes; `keep_network`: its network namespace stays for a successor.
  // `empty`: called when nothing of it runs any more and its record is still there.
  struct RemoveOptions {
    std::optional<base::Duration> grace;
    bool keep_network = false;
    std::function<void()> empty = {};
  };
  void remove(const RemoveOptions& options, Done done);
  // What the next start is to launch; of one that does not run.
  void set_spec(planner::Container spec) { spec_ = std::move(spec); }
  // In place: every change that planner/fields.hpp does not want it replaced for. Its endpoints are
  // changed already.
  executor::StepResult update(planner::Container spec);

  // Takes over what a dead supervisor left: `held` are the keeper's descriptors of it.
  void adopt(planner::ActualContainer state, std::vector<base::Fd> held,
             const std::vector<executor::ExitRecord>& exits);
  // The keeper has reaped this process.
  void on_exit(const executor::ExitRecord& record);
  // Where what somebody types goes: its stdin, or the master of its terminal.
  [[nodiscard]] int stdin_fd() const { return spec_.tty ? out_.get() : stdin_.get(); }
  // Of a one-off: what its next start gets as stdin.
  void give_stdin(base::Fd fd) { given_stdin_ = std::move(fd); }
  // The command of its `run` lives (run_owner.hpp).
  [[nodiscard]] bool owned() const { return owner_.valid(); }
  // Descriptors the keeper holds for it, for handing them to a new keeper.
  [[nodiscard]] std::vector<int> held() const;

 private:
  void make_files();
  [[nodiscard]] std::string netns_path() const;
  // `done` empty: by its restart policy, which tries again when this fails.
  void begin_launch(Done done);
  void launch_failed(const executor::StepResult& why, int code, const Done& done);
  void restart_by_policy(bool unhealthy);
  void open_streams();
  void attach_logs();
  void take_over_log(const std::function<void()>& work);
  bool find_owner();
  void on_owner_gone();
  void hold_streams();
  void watch_process();
  void on_status();
  void on_gone();
  void ended(const planner::ExitState& exit);
  void begin_end(base::Duration grace);
  void send_stop_signal();
  void kill_all();
  void run_post_start(Done done);
  void on_health(HealthState now, const std::string& output);
  void start_health();
  void tell_health(const HealthState& now);
  void stop_health() { health_.reset(); }
  void save();
  void throw_away_data();
  void finish_removal(const RemoveOptions& options, const Done& done, const std::string& text,
                      unsigned attempt);
  void answer_stop(const std::string& text = {});
  [[nodiscard]] bool wants_restart_for_health() const {
    return spec_.restart_unhealthy && state_.health == planner::Health::Unhealthy;
  }
  void tell_end(bool stopping);
  // Into the journal of events.
  void tell(const std::string& action, std::map<std::string, std::string> attributes = {});

  Host& host_;
  planner::Container spec_;
  planner::ActualContainer state_;
  executor::Launched launched_;
  base::Fd given_stdin_, owner_;
  base::Fd out_, err_, stdin_;  // FIFOs, read and write; a tty: out_ is the pty's master and
                                // err_ what its output goes through
  Done launch_done_, hooks_done_;
  std::vector<Done> stop_done_;
  std::unique_ptr<HealthMonitor> health_;
  std::unique_ptr<HookRunner> hooks_;  // of either kind
  bool ending_ = false;                // asked to end: by a stop or because it is unhealthy
  bool was_healthy_ = false;           // since it was launched
  std::string killed_text_;            // "killed after 10s" when the grace was used up
  Loop::Id status_watch_ = 0, pid_watch_ = 0, kill_timer_ = 0, restart_timer_ = 0, exit_timer_ = 0,
           start_timer_ = 0, health_timer_ = 0, owner_watch_ = 0;
  unsigned exit_attempts_ = 0;
  base::Duration started_mono_{0};
};

}  // namespace supervisor
