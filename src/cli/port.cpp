#include <unistd.h>

#include "base/error.hpp"
#include "cli/commands.hpp"
#include "cli/errors.hpp"
#include "cli/pick.hpp"
#include "cli/ps_view.hpp"
#include "cli/terminal.hpp"

namespace cli {

int port(const Context& context, const Arguments& args) {
  const Recorded recorded = look_up(context);
  const Picked picked = pick_container(recorded, args.names.front(), args.index);
  const auto wanted = args.port.protocol == "udp" ? netfab::Protocol::Udp : netfab::Protocol::Tcp;
  const netfab::PublishedPort* found = nullptr;
  for (const netfab::PublishedPort& each : picked.described->ports) {
    if (each.target_port != args.port.port || each.protocol != wanted) continue;
    // v4 first: the address people mean, and the one docker compose prints.
    if (found == nullptr || (each.target.is_v4() && !found->target.is_v4())) found = &each;
  }
  if (found == nullptr) {
    const std::string published = ports_text(picked.described->ports);
    throw base::Error(base::cat("port ", args.port.port, "/", args.port.protocol, " of ",
                                picked.actual->name, " is not published"),
                      published.empty() ? "it publishes no port" : "published: " + published);
  }
  write_text(STDOUT_FILENO, host_side(*found) + "\n");
  return kDone;
}

}  // namespace cli
