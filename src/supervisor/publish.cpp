// The stack's published ports: the table of the kernel, the relay where that does not lead, the
// sockets that hold the ports.
#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "netfab/ports.hpp"
#include "supervisor/supervisor.hpp"

namespace supervisor {

using planner::Action;

void Supervisor::step_ports(const planner::Step& step, const Done& done) {
  if (step.action == Action::Remove) {
    netfab::remove_ports(paths_.ports_table);
    published_.clear();
    publish({});
    done({});
    return;
  }
  netfab::ensure_ports(paths_.ports_table, current_->plan.ports, paths_.project);
  published_ = current_->plan.ports;
  std::sort(published_.begin(), published_.end());
  publish(current_->plan.ports);
  done({});
}

// Where the kernel's translation does not lead: [::1], and all of v6 when the container has only v4
// (a port published without an address, or at [::], answers on both families all the same).
void Supervisor::publish(const std::vector<netfab::PublishedPort>& ports) {
  std::vector<Relay::Listen> listens;
  const base::IpAddress every{base::Family::V6, {}};
  base::IpAddress loopback = every;
  loopback.bytes[15] = 1;
  for (const netfab::PublishedPort& port : ports) {
    const base::IpAddress wished = port.host_address.value_or(every);
    if (wished.is_v4()) continue;
    base::IpAddress address = wished;
    if (!port.target.is_v4()) {
      // The kernel serves the other addresses, and shows the container who calls.
      if (!wished.is_unspecified() && wished != loopback) continue;
      address = loopback;
    } else if (!port.host_address) {
      const bool both = std::any_of(ports.begin(), ports.end(), [&port](const auto& other) {
        return !other.host_address && !other.target.is_v4() && other.protocol == port.protocol &&
               other.host_port == port.host_port;
      });
      if (both) continue;
    }
    listens.push_back({port.protocol, address, port.host_port, port.target, port.target_port});
  }
  for (const auto& [listen, error] : relay_.set(listens)) {
    base::log::warn(base::cat("[", listen.address.str(), "]:", listen.port,
                              " is not served: ", base::errno_text(error)));
  }
  hold_ports(ports, 0);
}

// Who was killed a moment ago, or a child of it that has not begun its program yet, may have a port
// still: tried again, ever less often, for five seconds.
void Supervisor::hold_ports(const std::vector<netfab::PublishedPort>& ports, unsigned attempt) {
  constexpr unsigned kAttempts = 9;
  loop_.remove(std::exchange(hold_timer_, 0));
  const auto failed = reservations_.set(ports);
  if (failed.empty()) return;
  if (attempt < kAttempts) {
    const base::Duration pause = std::chrono::milliseconds(10) * (1U << attempt);
    hold_timer_ = loop_.after(pause, [this, ports, attempt] { hold_ports(ports, attempt + 1); });
    return;
  }
  for (const auto& [reservation, error] : failed) {
    base::log::warn(base::cat(reservation.str(),
                              " is published, and cannot be held: ", base::errno_text(error)));
  }
}

}  // namespace supervisor
