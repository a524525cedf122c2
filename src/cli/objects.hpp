// What `network` and `volume` commands share: labels, the question before pruning, removal of
// several.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "cli/context.hpp"

namespace cli {

// "NAME=VALUE" or "NAME".
std::map<std::string, std::string> parse_labels(const std::vector<std::string>& words);
// Throws base::Error: a name is letters, digits, and _.- after the first (docker's rule).
void check_object_name(const std::string& kind, const std::string& name);
// Asks on the terminal unless forced; without one, nothing is agreed to.
bool agreed(const std::string& question, bool force);
// Every name: printed when removed; errors are shown and the rest goes on. Returns the exit status.
int remove_each(const Context& context, const std::vector<std::string>& names,
                const std::function<void(const std::string&)>& remove);

enum class ObjectKind : std::uint8_t { Network, Volume };
// Full names that the recorded stacks use: name → "container (stack)".
std::map<std::string, std::set<std::string>> objects_in_use(const Context& context,
                                                            ObjectKind kind);

}  // namespace cli
