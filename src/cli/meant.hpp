// Which containers a plan is about for whoever asked for it: those that are waited for, and those
// that are told although nothing is to do about them.
#pragma once

#include <string>
#include <vector>

#include "cli/preflight.hpp"
#include "cli/progress.hpp"

namespace cli {

// Of the named services (empty: all) and what the plan starts besides.
std::vector<std::string> containers_meant(const Planned& planned,
                                          const std::vector<std::string>& services);

// "Container x  Running" for those with nothing to do, as docker compose shows them.
void show_unchanged(const Planned& planned, const std::vector<std::string>& meant,
                    Progress& progress);

}  // namespace cli
