// normalise(): the merged document → the canonical model as docker compose prints it: default
// networks and names, absolute paths, env_file merged into environment, inactive profiles
// dropped. Checks nothing across objects; that is resolve's.
#pragma once

#include <map>
#include <set>
#include <string>

#include "spec/interpolate.hpp"
#include "spec/node.hpp"
#include "spec/report.hpp"

namespace spec {

struct NormaliseOptions {
  std::string project;
  std::string directory;           // of the project, absolute
  std::string home;                // for ~
  std::set<std::string> profiles;  // "*": all
  Lookup lookup;                   // the project's environment
};

// `inactive` receives the services that no active profile selects, with the profiles they have.
void normalise(Node& document, const NormaliseOptions& options, Sources& sources,
               std::map<std::string, std::string>& inactive, Report& report);

}  // namespace spec
