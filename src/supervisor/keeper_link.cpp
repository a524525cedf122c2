#include "supervisor/keeper_link.hpp"

#include <fcntl.h>
#include <poll.h>

#include <cerrno>
#include <cstdio>

#include "base/crash_point.hpp"
#include "base/error.hpp"
#include "base/sys.hpp"
#include "base/text.hpp"

namespace supervisor {

std::string encode_exit(const executor::ExitRecord& record) {
  return base::cat(record.process.pid, " ", record.process.start_time, " ", record.status, " ",
                   record.reason, " ", record.time_ns);
}

bool decode_exit(const std::string& text, executor::ExitRecord& record) {
  const std::vector<std::string> parts = base::split(text, ' ');
  if (parts.size() != 5) return false;
  record.process.pid = static_cast<pid_t>(base::parse_int(parts[0]).value_or(0));
  record.process.start_time = base::parse_uint(parts[1]).value_or(0);
  record.status = static_cast<int>(base::parse_int(parts[2]).value_or(0));
  record.reason = static_cast<int>(base::parse_int(parts[3]).value_or(0));
  record.time_ns = base::parse_int(parts[4]).value_or(0);
  return record.process.valid();
}

void KeeperLink::send(KeeperVerb verb, const std::string& text, const std::vector<int>& fds) {
  CRASH_POINT("keeper/tell/", static_cast<char>(verb), "/before");
  base::sys::send_with_fds(socket_.get(), base::cat(static_cast<char>(verb), text), fds);
  CRASH_POINT("keeper/tell/", static_cast<char>(verb), "/after");
}

KeeperLink::Inventory KeeperLink::list() {
  send(KeeperVerb::List, {});
  Inventory out;
  while (true) {
    pollfd wait{socket_.get(), POLLIN, 0};
    if (::poll(&wait, 1, 10'000) == 0) throw base::Error("the keeper does not answer");
    base::sys::Received message = base::sys::receive_with_fds(socket_.get());
    if (message.eof) throw base::Error("the keeper has gone");
    if (!message.got || message.text.empty()) continue;
    const auto verb = static_cast<KeeperVerb>(message.text[0]);
    const std::string text = message.text.substr(1);
    if (verb == KeeperVerb::Listed) return out;
    if (verb == KeeperVerb::Held) out.held[text] = std::move(message.fds);
    if (verb == KeeperVerb::Exit) {
      executor::ExitRecord record;
      if (decode_exit(text, record)) out.exits.push_back(record);
    }
  }
}

void KeeperLink::hold(const std::string& key, const std::vector<int>& fds) {
  send(KeeperVerb::Hold, key, fds);
}
void KeeperLink::drop(const std::string& key) {
  send(KeeperVerb::Drop, key);
}
void KeeperLink::forget(const base::ProcessId& process) {
  send(KeeperVerb::Forget, base::cat(process.pid, " ", process.start_time));
}
void KeeperLink::quit() {
  send(KeeperVerb::Quit, {});
}

std::vector<executor::ExitRecord> KeeperLink::receive(bool& gone) {
  std::vector<executor::ExitRecord> out;
  gone = false;
  while (true) {
    pollfd wait{socket_.get(), POLLIN, 0};
    if (::poll(&wait, 1, 0) <= 0) return out;
    const base::sys::Received message = base::sys::receive_with_fds(socket_.get());
    if (message.eof) {
      gone = true;
      return out;
    }
    if (!message.got || message.text.empty()) return out;
    executor::ExitRecord record;
    if (static_cast<KeeperVerb>(message.text[0]) == KeeperVerb::Exit &&
        decode_exit(message.text.substr(1), record)) {
      out.push_back(record);
    }
  }
}

}  // namespace supervisor
