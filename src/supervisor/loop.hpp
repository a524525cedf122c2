// Loop: the one event loop of a supervisor or keeper: epoll, timers, signals by signalfd.
// Single-threaded. Callbacks may add and remove anything, themselves included. No wake-up without a
// reason.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/fd.hpp"
#include "base/text.hpp"

namespace supervisor {

class Loop {
 public:
  using Id = std::uint64_t;
  using FdCallback = std::function<void(std::uint32_t events)>;  // EPOLLIN, EPOLLOUT, EPOLLHUP ...
  using Callback = std::function<void()>;

  Loop();

  // Watches `fd` (not owned) for `events` until removed.
  Id watch(int fd, std::uint32_t events, FdCallback callback);
  void change(Id id, std::uint32_t events);
  // Once, after `delay`.
  Id after(base::Duration delay, Callback callback);
  // At the end of the current round, once.
  Id soon(Callback callback) { return after(base::Duration{0}, std::move(callback)); }
  void remove(Id id);

  void run();  // until stop()
  void stop() { stopped_ = true; }

 private:
  struct Watch {
    int fd = -1;
    FdCallback callback;
  };
  base::Fd epoll_;
  std::unordered_map<Id, std::shared_ptr<Watch>> watches_;
  std::map<std::pair<base::Duration, Id>, Callback> timers_;
  std::unordered_map<Id, base::Duration> timer_due_;
  Id next_ = 1;
  bool stopped_ = false;
};

}  // namespace supervisor
