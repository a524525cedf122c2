// KeeperLink: what supervisor and keeper say to each other over their socket pair: one datagram a
// message, descriptors beside it. The keeper understands nothing of what it holds.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "executor/container_state.hpp"

namespace supervisor {

// Descriptor number of the socket in a freshly started supervisor, and of a client's connection
// that came with the start (may be closed).
inline constexpr int kKeeperSocketFd = 3;
inline constexpr int kFirstClientFd = 4;

// First byte of a datagram; text follows.
enum class KeeperVerb : char {
  Hold = 'H',    // supervisor → keeper: text is a key, descriptors to hold under it
  Drop = 'D',    // supervisor → keeper: text is a key
  List = 'L',    // supervisor → keeper: send everything held and every exit not yet forgotten
  Held = 'h',    // keeper → supervisor: one key with its descriptors
  Listed = 'l',  // keeper → supervisor: end of the list
  Exit = 'e',    // keeper → supervisor: an ExitRecord as text
  Forget = 'F',  // supervisor → keeper: this exit is written down; text is pid and start time
  Quit = 'Q',    // supervisor → keeper: nothing is left to do
};

// Under which a dying keeper's supervisor hands the stack's lock to the next one, so that it is
// never free in between and nobody else's supervisor gets ahead of the one that has the logs.
inline constexpr const char* kLockKey = "lock:";

std::string encode_exit(const executor::ExitRecord& record);
bool decode_exit(const std::string& text, executor::ExitRecord& record);

// The supervisor's end.
class KeeperLink {
 public:
  explicit KeeperLink(base::Fd socket) : socket_(std::move(socket)) {}

  struct Inventory {
    std::map<std::string, std::vector<base::Fd>> held;
    std::vector<executor::ExitRecord> exits;
  };
  // Asks and waits for the answer: at the start only. Throws base::Error when the keeper is gone.
  Inventory list();
  void hold(const std::string& key, const std::vector<int>& fds);
  void drop(const std::string& key);
  void forget(const base::ProcessId& process);
  void quit();
  // Exits that have arrived; `gone` is set when the keeper has died.
  std::vector<executor::ExitRecord> receive(bool& gone);
  [[nodiscard]] int fd() const { return socket_.get(); }

 private:
  void send(KeeperVerb verb, const std::string& text, const std::vector<int>& fds = {});
  base::Fd socket_;
};

}  // namespace supervisor
