#include "cli/follow.hpp"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>

#include "base/sys.hpp"
#include "cli/context.hpp"
#include "cli/terminal.hpp"
#include "executor/observe.hpp"

namespace cli {

using planner::ActualContainer;
using planner::ActualState;
using planner::ContainerStatus;

namespace {

// inotify wakes us; this is for file systems and kernels that do not report splice (below 6.7).
constexpr int kPollMs = 100;
constexpr auto kObserveEvery = std::chrono::seconds(1);
// When a record has changed; those of health checks change often.
constexpr auto kObserveAgain = std::chrono::milliseconds(100);

}  // namespace

LogFollower::LogFollower(base::ProjectPaths paths, Options options)
    : paths_(std::move(paths)),
      options_(std::move(options)),
      printer_(options_.format),
      inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {}

// A foreground `up` is about what it brought up, not about what somebody `run`s meanwhile.
bool LogFollower::is_meant(const std::vector<std::string>& services,
                           const ActualContainer& container) const {
  return is_selected(services, container.service) &&
         (options_.index == 0 || options_.index == container.index) &&
         !(container.oneoff && options_.announce_exits);
}

bool LogFollower::shows(const ActualContainer& container) const {
  if (!options_.shown) return is_meant(options_.services, container);
  return !options_.shown->empty() && is_meant(*options_.shown, container);
}

void LogFollower::watch(const std::string& path) {
  if (!inotify_) return;
  ::inotify_add_watch(inotify_.get(), path.c_str(),
                      IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE);
}

void LogFollower::open(const ActualContainer& container, std::optional<std::size_t> tail) {
  auto source = std::make_unique<Source>();
  source->container = container.name;
  const auto [at, fresh] = printer_of_.emplace(container.name, printer_of_.size());
  if (fresh) printer_.add(short_name(container.name, paths_.project));
  source->printer = at->second;
  source->reader = std::make_unique<supervisor::LogReader>(paths_.log_dir(container.name));
  merger_.add(lines_of(*source, tail));
  sources_.push_back(std::move(source));
  watch(paths_.log_dir(container.name));
  watch(paths_.container_run(container.name));
}

bool LogFollower::past_end() const {
  return options_.until && std::chrono::system_clock::now() > *options_.until;
}

// Lines of a container are in the order of their time: those wanted are one piece of them.
NextLine LogFollower::lines_of(Source& source, std::optional<std::size_t> tail) {
  const auto next = [this, raw = &source]() -> std::optional<supervisor::LogLine> {
    while (auto line = raw->reader->next(raw->accept_partial || everything_)) {
      if (options_.since && line->time < *options_.since) continue;
      if (options_.until && line->time > *options_.until) return {};
      return line;
    }
    return {};
  };
  if (!tail) return next;
  if (!options_.until) {
    source.reader->tail(*tail);
    return next;
  }
  // The last ones before an end that is not the log's: all are read and the newest kept.
  auto kept = std::make_shared<std::optional<std::deque<supervisor::LogLine>>>();
  return [next, kept, most = *tail]() -> std::optional<supervisor::LogLine> {
    if (!*kept) {
      kept->emplace();
      while (auto line = next()) {
        (*kept)->push_back(std::move(*line));
        if ((*kept)->size() > most) (*kept)->pop_front();
      }
    }
    if ((*kept)->empty()) return {};
    supervisor::LogLine line = std::move((*kept)->front());
    (*kept)->pop_front();
    return line;
  };
}

void LogFollower::refresh(const ActualState& actual, std::optional<std::size_t> tail) {
  for (const ActualContainer& each : actual.containers) {
    if (!shows(each)) continue;
    const auto [at, fresh] = created_.emplace(each.name, each.created_at);
    if (fresh) {
      open(each, tail);
    } else if (at->second != each.created_at) {
      at->second = each.created_at;
      open(each, {});
    }
    for (const auto& source : sources_) {
      if (source->container == each.name) source->accept_partial = !planner::is_active(each.status);
    }
  }
}

void LogFollower::restart(const std::string& container) {
  created_.erase(container);
}

void LogFollower::drain(bool everything) {
  everything_ = everything;
  // Collected first: one write a burst and stream instead of one a line.
  std::string out, err;
  const auto flush = [](int fd, std::string& text) {
    write_text(fd, text);
    text.clear();
  };
  while (auto merged = merger_.next()) {
    const std::string text = printer_.text(sources_[merged->source]->printer, merged->line);
    // The order between the two holds where both lead to the same terminal or file.
    if (merged->line.err) {
      if (!out.empty()) flush(STDOUT_FILENO, out);
      err += text;
    } else {
      if (!err.empty()) flush(STDERR_FILENO, err);
      out += text;
    }
    if (out.size() + err.size() > (1U << 16U)) {
      flush(STDOUT_FILENO, out);
      flush(STDERR_FILENO, err);
    }
  }
  flush(STDOUT_FILENO, out);
  flush(STDERR_FILENO, err);
  everything_ = false;
}

bool LogFollower::wait(Signals* signals) {
  std::array<pollfd, 2> fds{
      {{inotify_.get(), POLLIN, 0}, {signals != nullptr ? signals->fd() : -1, POLLIN, 0}}};
  ::poll(fds.data(), fds.size(), kPollMs);
  // Records are written beside and moved into place; lines of logs only change their file.
  bool moved = false;
  alignas(inotify_event) std::array<char, 4096> buffer{};
  while (inotify_) {
    const ssize_t n = ::read(inotify_.get(), buffer.data(), buffer.size());
    if (n <= 0) break;
    for (std::size_t at = 0; at + sizeof(inotify_event) <= static_cast<std::size_t>(n);) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof(event));
      moved = moved || (event.mask & IN_MOVED_TO) != 0;
      at += sizeof(event) + event.len;
    }
  }
  return moved;
}

bool LogFollower::all_ended(const ActualState& actual) const {
  const std::vector<std::string>& services = options_.awaited.value_or(options_.services);
  return std::none_of(actual.containers.begin(), actual.containers.end(),
                      [&](const ActualContainer& each) {
                        return is_meant(services, each) && planner::is_active(each.status);
                      });
}

void LogFollower::announce(const ActualState& actual) {
  for (const ActualContainer& each : actual.containers) {
    if (!is_meant(options_.services, each)) continue;
    if (each.status == ContainerStatus::Running) {
      running_.insert(each.name);
    } else if (running_.contains(each.name) || each.status == ContainerStatus::Restarting) {
      const bool ended = each.status != ContainerStatus::Restarting;
      const Ending ending = ended && options_.judge ? options_.judge(each) : Ending::Over;
      // The supervisor has not come to it yet.
      if (ending == Ending::Restarts) continue;
      running_.erase(each.name);
      if (!ended || !options_.announce_exits) continue;
      if (ending == Ending::EndsAll &&
          (!first_end_ ||
           (each.exit.known && each.exit.finished_at < first_end_->exit.finished_at))) {
        first_end_ = each;
      }
      const std::string code = each.exit.known ? std::to_string(each.exit.code) : "unknown";
      write_text(STDOUT_FILENO,
                 base::cat(short_name(each.name, paths_.project), " exited with code ", code,
                           each.exit.oom_killed ? " (out of memory)" : "", "\n"));
    }
  }
}

void LogFollower::follow_until(const std::atomic<bool>& done) {
  while (!done.load()) {
    drain(false);
    wait(nullptr);
  }
  drain(true);
  announce(observe_told(paths_));
}

ActualState LogFollower::look() {
  ActualState actual = observe_told(paths_);
  for (ActualContainer& each : actual.containers) {
    if (each.unsettled && actual.supervisor_alive) each.status = ContainerStatus::Running;
  }
  // What ended before the first look still gets its line.
  if (!looked_) {
    for (const ActualContainer& each : actual.containers) {
      if (each.status == ContainerStatus::Exited) running_.insert(each.name);
    }
  }
  looked_ = true;
  // New containers from their first line; those there at first were opened by the caller.
  refresh(actual, {});
  drain(false);
  announce(actual);
  return actual;
}

bool LogFollower::look_for_ends() {
  look();
  return first_end_.has_value();
}

LogFollower::Why LogFollower::follow(Signals* signals) {
  base::Duration observed{0};
  bool moved = true;
  while (true) {
    if (signals != nullptr && signals->count() > 0) return Why::Signal;
    const base::Duration since = base::sys::monotonic_now() - observed;
    if (since >= kObserveEvery || (moved && since >= kObserveAgain)) {
      moved = false;
      const ActualState actual = look();
      observed = base::sys::monotonic_now();
      if (first_end_) return Why::OneEnded;
      if (all_ended(actual) || past_end()) {
        drain(true);
        return Why::AllEnded;
      }
    } else {
      drain(false);
    }
    moved = wait(signals) || moved;
  }
}

}  // namespace cli
