// Control: the supervisor's side of the control socket: listens on an abstract name, lets in only
// processes of the same user and with its rights outside our containers, takes requests apart and
// sends events. No policy.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/fd.hpp"
#include "base/paths.hpp"
#include "supervisor/loop.hpp"

namespace supervisor {

// An abstract unix address: no file that could be removed under a running supervisor.
class ControlAddress {
 public:
  explicit ControlAddress(const std::string& name);
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address_); }
  [[nodiscard]] socklen_t size() const { return size_; }

 private:
  sockaddr_un address_{};
  socklen_t size_ = 0;
};

std::string supervisor_log(const base::ProjectPaths& paths);

class Control {
 public:
  using ClientId = std::uint64_t;
  using OnRequest = std::function<void(ClientId, const nlohmann::json&)>;
  using OnGone = std::function<void(ClientId)>;

  Control(Loop& loop, const base::ProjectPaths& paths, OnRequest on_request, OnGone on_gone);
  ~Control();
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  // Serves a connection that came with our start; greets it with an empty object.
  void adopt(base::Fd client);
  void send(ClientId client, const nlohmann::json& message);
  // One byte with a descriptor (or none), for open_stdin.
  void send_fd(ClientId client, int fd);
  // The pipe that the client has open for reading under `number`; invalid: it is none.
  [[nodiscard]] base::Fd pipe_of(ClientId client, int number) const;
  [[nodiscard]] bool idle() const { return clients_.empty(); }

 private:
  struct Client {
    base::Fd socket;
    Loop::Id watch = 0;
    std::string in, out;
    bool blocked = false;  // waits for room to write
  };
  void accept_all();
  ClientId add(base::Fd socket);
  void on_events(ClientId id, std::uint32_t events);
  void flush(ClientId id, Client& client);
  void close(ClientId id);
  [[nodiscard]] bool may_enter(int socket) const;

  Loop& loop_;
  base::ProjectPaths paths_;
  OnRequest on_request_;
  OnGone on_gone_;
  base::Fd listener_;
  Loop::Id listen_watch_ = 0;
  std::map<ClientId, Client> clients_;
  ClientId next_ = 1;
};

}  // namespace supervisor
