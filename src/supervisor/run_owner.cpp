#include "supervisor/run_owner.hpp"

#include <sys/socket.h>

#include "base/error.hpp"
#include "base/text.hpp"
#include "supervisor/control.hpp"

namespace supervisor {

namespace {

ControlAddress owner_address(const base::ProjectPaths& paths, const std::string& container) {
  return ControlAddress(base::cat(paths.control_socket, "/run/", base::short_hash(container, 16)));
}

base::Fd stream_socket(int flags) {
  base::Fd out(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
  if (!out) base::throw_errno("socket");
  return out;
}

}  // namespace

base::Fd own_run(const base::ProjectPaths& paths, const std::string& container) {
  base::Fd out = stream_socket(0);
  const ControlAddress address = owner_address(paths, container);
  if (::bind(out.get(), address.get(), address.size()) != 0) base::throw_errno("bind", container);
  // Nobody is ever accepted: a connection in the queue hangs up with us all the same.
  if (::listen(out.get(), 16) != 0) base::throw_errno("listen", container);
  return out;
}

base::Fd watch_owner(const base::ProjectPaths& paths, const std::string& container) {
  base::Fd out = stream_socket(SOCK_NONBLOCK);
  const ControlAddress address = owner_address(paths, container);
  if (::connect(out.get(), address.get(), address.size()) != 0) return {};
  return out;
}

}  // namespace supervisor
