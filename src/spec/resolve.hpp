// resolve(): the canonical model → Stack: types, defaults, references and everything that can be
// seen to be wrong before anything runs. Errors go to the report; the Stack is then incomplete.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "spec/environment.hpp"
#include "spec/node.hpp"
#include "spec/report.hpp"
#include "spec/stack.hpp"

namespace spec {

struct Resolving {
  const Node& document;
  const std::map<std::string, std::string>& inactive;  // services dropped, and their profiles
  const Environment& environment;                      // of the project
  Stack& stack;
  Report& report;
};

void resolve(Resolving& in);

// The stages of resolve, in order.
void resolve_networks(Resolving& in);
void resolve_volumes(Resolving& in);
void check_volume_options(Resolving& in);  // of the volumes in use
void resolve_service(const Node& node, Service& service, Resolving& in);
void resolve_ports(const Node& node, Service& service, Report& report);
void resolve_mounts(const Node& node, Service& service, Resolving& in);
void resolve_limits(const Node& node, Service& service, Report& report);
void resolve_security(const Node& node, Service& service, const std::string& directory,
                      Report& report);
void resolve_lifecycle(const Node& node, Service& service, Report& report);  // restart, logging
void resolve_extras(const Node& node, ServiceExtras& out);
void resolve_file_objects(Resolving& in);  // configs, secrets, models
// Published ports of services whose networks are known: without an address of the host they take
// the one that their network says; a warning where nothing can reach them.
void settle_ports(Resolving& in);
// A mapping of strings, added to `out`; nothing when the key is absent.
void read_map(const Node& node, std::string_view key, StringMap& out);
// What only all services together show: names and ports given twice, circles.
void check_services(Resolving& in);
// What one service says in two places, and what it refers to (the reference loader's
// consistency check).
void check_consistency(const Node& service, Resolving& in);
void check_cycles(Resolving& in);

}  // namespace spec
