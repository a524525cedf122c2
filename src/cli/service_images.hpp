// down --rmi: the images of a stack's services, and their removal from the store when the stack has
// gone. What another stack uses stays.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "cli/context.hpp"
#include "cli/progress.hpp"

namespace cli {

// The names in the store (StoredName::name) of what `services` (empty: all) were made from; where
// nothing was brought up, of what the stack file names.
std::set<std::string> service_images(const Context& context, const Recorded& recorded,
                                     const std::vector<std::string>& services);
// A line of progress each; throws base::Error only where the store cannot be written.
void remove_service_images(const Context& context, const std::set<std::string>& names,
                           Progress& progress);

}  // namespace cli
