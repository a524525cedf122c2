// Reservations: the sockets that hold the stack's published ports (netfab/reservations.hpp). The
// keeper has them as well, each under a key that says which it is, so that a port is never free
// between one supervisor and the next.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.hpp"
#include "netfab/reservations.hpp"
#include "supervisor/keeper_link.hpp"

namespace supervisor {

class Reservations {
 public:
  explicit Reservations(KeeperLink& keeper) : keeper_(keeper) {}

  // Takes what an earlier supervisor held out of the inventory.
  void adopt(KeeperLink::Inventory& inventory);
  // Holds exactly what `ports` need. Returns what cannot be had now, with its errno: the port works
  // all the same, and the next call tries again.
  std::vector<std::pair<netfab::Reservation, int>> set(
      const std::vector<netfab::PublishedPort>& ports);
  // For another keeper: key and descriptor.
  [[nodiscard]] std::vector<std::pair<std::string, std::vector<int>>> held() const;

 private:
  KeeperLink& keeper_;
  std::map<netfab::Reservation, base::Fd> sockets_;
};

}  // namespace supervisor
