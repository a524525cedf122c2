#include "supervisor/relay.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "base/error.hpp"
#include "supervisor/relay_listener.hpp"

namespace supervisor {

struct Relay::Impl {
  explicit Impl(Loop& loop_) : loop(loop_) {}
  Loop& loop;
  std::map<Listen, std::unique_ptr<RelayListener>> listeners;
};

Relay::Relay(Loop& loop) : impl_(std::make_unique<Impl>(loop)) {}
Relay::~Relay() = default;

std::vector<std::pair<Relay::Listen, int>> Relay::set(const std::vector<Listen>& wanted) {
  std::map<Listen, std::unique_ptr<RelayListener>> keep;
  for (const Listen& listen : wanted) {
    const auto at = impl_->listeners.find(listen);
    if (at != impl_->listeners.end()) keep[listen] = std::move(at->second);
  }
  // What goes is closed before anything is bound: the same port may lead elsewhere now.
  impl_->listeners = std::move(keep);
  std::vector<std::pair<Listen, int>> failed;
  for (const Listen& listen : wanted) {
    auto& slot = impl_->listeners[listen];
    if (slot) continue;
    try {
      slot = listen.protocol == netfab::Protocol::Tcp ? relay_tcp(impl_->loop, listen)
                                                      : relay_udp(impl_->loop, listen);
    } catch (const base::SysError& error) {
      impl_->listeners.erase(listen);
      failed.emplace_back(listen, error.errnum());
    }
  }
  return failed;
}

}  // namespace supervisor
