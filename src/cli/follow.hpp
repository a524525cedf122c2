// LogFollower: the lines of a stack's containers on stdout and stderr as they come, across
// restarts, replacements and new replicas. Reads log files; needs no supervisor.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/paths.hpp"
#include "cli/ending.hpp"
#include "cli/log_view.hpp"
#include "cli/signals.hpp"
#include "planner/actual.hpp"

namespace cli {

class LogFollower {
 public:
  struct Options {
    // Whose ends are told and judged; unless the next two say otherwise, also whose lines are
    // printed and whose ends are waited for. Empty: all.
    std::vector<std::string> services;
    std::optional<std::vector<std::string>> shown;    // whose lines are printed
    std::optional<std::vector<std::string>> awaited;  // following ends when these have
    LogFormat format;
    bool announce_exits = false;  // "web-1 exited with code 0"
    // What the end of a container means; nothing: it is over.
    std::function<Ending(const planner::ActualContainer&)> judge;
    unsigned index = 0;  // only this replica; 0: every one
    std::optional<std::chrono::system_clock::time_point> since, until;
  };
  LogFollower(base::ProjectPaths paths, Options options);

  // Opens the logs of containers not known yet, and of those made anew since. `tail`: where the
  // logs of those start; nothing: at the beginning.
  void refresh(const planner::ActualState& actual, std::optional<std::size_t> tail);
  // Forgets where we are in this container's log: it will be read from the beginning.
  void restart(const std::string& container);
  // Prints what is there now. Unfinished lines only of containers that do not run, or when
  // `everything`.
  void drain(bool everything);
  // Prints until every awaited container has ended, a signal came, or one ended that ends all.
  enum class Why : std::uint8_t { AllEnded, Signal, OneEnded };
  Why follow(Signals* signals);
  // Looks once, tells who has ended. Whether one of them ends all.
  bool look_for_ends();
  // Whether its lines are printed.
  [[nodiscard]] bool shows(const planner::ActualContainer& container) const;
  // The first that ended and ends all.
  [[nodiscard]] const std::optional<planner::ActualContainer>& first_end() const {
    return first_end_;
  }
  // Prints until `done` is true, then what is left and the exits. Called on a thread of its own
  // while nobody else uses the follower.
  void follow_until(const std::atomic<bool>& done);

 private:
  struct Source {
    std::string container;
    std::size_t printer = 0;
    std::unique_ptr<supervisor::LogReader> reader;
    bool accept_partial = false;
  };
  void open(const planner::ActualContainer& container, std::optional<std::size_t> tail);
  [[nodiscard]] bool is_meant(const std::vector<std::string>& services,
                              const planner::ActualContainer& container) const;
  void watch(const std::string& path);
  // Whether the state of a container may have changed meanwhile.
  bool wait(Signals* signals);
  planner::ActualState look();
  void announce(const planner::ActualState& actual);
  [[nodiscard]] bool past_end() const;
  NextLine lines_of(Source& source, std::optional<std::size_t> tail);
  [[nodiscard]] bool all_ended(const planner::ActualState& actual) const;

  base::ProjectPaths paths_;
  Options options_;
  LogMerger merger_;
  LogPrinter printer_;
  std::vector<std::unique_ptr<Source>> sources_;
  std::map<std::string, std::size_t> printer_of_;
  std::map<std::string, std::chrono::system_clock::time_point> created_;
  std::set<std::string> running_;
  std::optional<planner::ActualContainer> first_end_;
  base::Fd inotify_;
  bool everything_ = false, looked_ = false;
};

}  // namespace cli
