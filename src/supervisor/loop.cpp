#include "supervisor/loop.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.hpp"
#include "base/sys.hpp"

namespace supervisor {

Loop::Loop() : epoll_(base::sys::epoll_create()) {}

Loop::Id Loop::watch(int fd, std::uint32_t events, FdCallback callback) {
  const Id id = next_++;
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) base::throw_errno("epoll_ctl");
  watches_.emplace(id, std::make_shared<Watch>(Watch{fd, std::move(callback)}));
  return id;
}

void Loop::change(Id id, std::uint32_t events) {
  const auto at = watches_.find(id);
  if (at == watches_.end()) return;
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, at->second->fd, &event) != 0) {
    base::throw_errno("epoll_ctl");
  }
}

Loop::Id Loop::after(base::Duration delay, Callback callback) {
  const Id id = next_++;
  const base::Duration due = base::sys::monotonic_now() + std::max(delay, base::Duration{0});
  timers_.emplace(std::pair{due, id}, std::move(callback));
  timer_due_.emplace(id, due);
  return id;
}

void Loop::remove(Id id) {
  if (const auto at = watches_.find(id); at != watches_.end()) {
    // The descriptor may be closed already; the kernel has forgotten it then.
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, at->second->fd, nullptr);
    watches_.erase(at);
    return;
  }
  if (const auto at = timer_due_.find(id); at != timer_due_.end()) {
    timers_.erase({at->second, id});
    timer_due_.erase(at);
  }
}

void Loop::run() {
  std::array<epoll_event, 64> events{};
  while (!stopped_) {
    int timeout = -1;
    if (!timers_.empty()) {
      const base::Duration left = timers_.begin()->first.first - base::sys::monotonic_now();
      // Round up: waking a moment early would spin.
      timeout = static_cast<int>(std::clamp<std::int64_t>((left.count() + 999'999) / 1'000'000, 0,
                                                          std::int64_t{1} << 30U));
    }
    const int n =
        ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout);
    if (n < 0 && errno != EINTR) base::throw_errno("epoll_wait");
    for (int i = 0; i < n && !stopped_; ++i) {
      const Id id = events[static_cast<std::size_t>(i)].data.u64;  // copied: epoll_event is packed
      const auto at = watches_.find(id);
      if (at == watches_.end()) continue;  // removed by an earlier callback of this round
      const std::shared_ptr<Watch> watch = at->second;
      watch->callback(events[static_cast<std::size_t>(i)].events);
    }
    const base::Duration now = base::sys::monotonic_now();
    const Id newest = next_;  // timers added by these callbacks wait for the next round
    while (!stopped_ && !timers_.empty()) {
      const auto first = timers_.begin();
      if (first->first.first > now || first->first.second >= newest) break;
      const Callback callback = std::move(first->second);
      timer_due_.erase(first->first.second);
      timers_.erase(first);
      callback();
    }
  }
}

}  // namespace supervisor
