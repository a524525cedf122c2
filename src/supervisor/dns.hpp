// Dns: answers names inside containers at 127.0.0.11 without occupying port 53 there. Sockets live
// in each container's network namespace on high ports; an nft table of ours inside redirects
// 127.0.0.11:53 to them and rewrites the answers' source. Unknown names are forwarded (udp and
// tcp), never for containers on internal networks only. Single-threaded, on the supervisor's loop.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/ip.hpp"
#include "supervisor/loop.hpp"

namespace supervisor {

// What a name means to one container: all addresses of the running containers that answer to it on
// the networks it shares.
using Resolve = std::function<std::vector<base::IpAddress>(const std::string& container,
                                                           const std::string& lower_case_name)>;
// The reverse, for PTR: "name.network" or empty.
using Reverse = std::function<std::string(const std::string& container, const base::IpAddress&)>;

struct DnsClient {
  std::string container;
  std::string netns;                  // pinned path
  bool forward = true;                // false: on internal networks only
  std::vector<std::string> upstream;  // `dns:` of the service; empty: the host's resolv.conf
};

class Dns {
 public:
  Dns(Loop& loop, Resolve resolve, Reverse reverse);
  ~Dns();
  Dns(const Dns&) = delete;
  Dns& operator=(const Dns&) = delete;

  // Opens the sockets and the redirection. Idempotent. `held`: the udp and tcp socket of an earlier
  // supervisor, which are taken over when they are of the same namespace: questions that came while
  // nobody lived wait in them. True when the sockets are new or taken over, false when they were
  // this process's already.
  bool attach(const DnsClient& client, std::vector<base::Fd> held = {});
  // Called when sockets that somebody ended were replaced by themselves.
  void on_renewed(std::function<void(const std::string& container)> call);
  // Those of one container, or nothing: for somebody who keeps them while we may die.
  [[nodiscard]] std::vector<int> sockets(const std::string& container) const;
  void detach(const std::string& container);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace supervisor
