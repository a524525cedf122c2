// normalise(): the merged document → the canonical model as docker compose prints it: default
// networks and names, what depends_on need not say, variables without value resolved. Checks
// nothing across objects; that is resolve's.
#pragma once

#include <map>
#include <set>
#include <string>

#include "spec/environment.hpp"
#include "spec/node.hpp"
#include "spec/report.hpp"

namespace spec {

void normalise(Node& document, const std::string& project, const Environment& environment);

// Services that no active profile selects leave the document; "*" selects all. Returns them with
// the profiles that they have.
std::map<std::string, std::string> drop_inactive(Node& document,
                                                 const std::set<std::string>& profiles);

// env_file and label_file, read and merged into environment and labels. `shown_from`: as in
// shown_name().
void read_env_files(Node& document, const Environment& environment, const std::string& shown_from,
                    Sources& sources, Report& report);

}  // namespace spec
