#include "supervisor/reservations.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/text.hpp"

namespace supervisor {

namespace {

constexpr std::string_view kKey = "port:";
// Milliseconds, of one change: the keeper lets go of what it is told to drop a moment later.
constexpr int kDropMs = 50;

std::string key_of(const netfab::Reservation& reservation) {
  return base::cat(kKey, reservation.str());
}

// Half of what we may open is for logs, connections and clients.
std::size_t most_sockets() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 256;
  return static_cast<std::size_t>(std::min<rlim_t>(limit.rlim_cur, 1U << 17U) / 2);
}

}  // namespace

void Reservations::adopt(KeeperLink::Inventory& inventory) {
  for (auto at = inventory.held.lower_bound(std::string(kKey)); at != inventory.held.end();) {
    if (!base::starts_with(at->first, kKey)) break;
    const auto reservation = netfab::parse_reservation(at->first.substr(kKey.size()));
    if (reservation && at->second.size() == 1) {
      sockets_[*reservation] = std::move(at->second.front());
    } else {
      keeper_.drop(at->first);
    }
    at = inventory.held.erase(at);
  }
}

std::vector<std::pair<netfab::Reservation, int>> Reservations::set(
    const std::vector<netfab::PublishedPort>& ports) {
  const std::vector<netfab::Reservation> wanted = netfab::reservations_of(ports);
  // What goes first: 0.0.0.0 and an address of the same port would be in each other's way.
  int patience = 0;
  std::erase_if(sockets_, [&](const auto& item) {
    const bool gone = !std::binary_search(wanted.begin(), wanted.end(), item.first);
    if (gone) keeper_.drop(key_of(item.first));
    if (gone) patience = kDropMs;
    return gone;
  });
  const std::size_t most = most_sockets();
  std::vector<std::pair<netfab::Reservation, int>> failed;
  for (const netfab::Reservation& each : wanted) {
    if (sockets_.contains(each)) continue;
    base::Fd socket;
    errno = EMFILE;
    if (sockets_.size() < most) socket = netfab::reserve(each);
    for (; !socket && errno == EADDRINUSE && patience > 0; --patience) {
      ::usleep(1000);
      socket = netfab::reserve(each);
    }
    if (!socket) {
      failed.emplace_back(each, errno);
      continue;
    }
    keeper_.hold(key_of(each), {socket.get()});
    sockets_[each] = std::move(socket);
  }
  return failed;
}

std::vector<std::pair<std::string, std::vector<int>>> Reservations::held() const {
  std::vector<std::pair<std::string, std::vector<int>>> out;
  for (const auto& [reservation, socket] : sockets_) {
    out.emplace_back(key_of(reservation), std::vector<int>{socket.get()});
  }
  return out;
}

}  // namespace supervisor
