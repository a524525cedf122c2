// What is done to a document once all its files are merged: defaults that no file could tell from
// a wish before, and rules between the keys of one object.
#pragma once

#include "spec/node.hpp"
#include "spec/report.hpp"

namespace spec {

void set_defaults(Node& document);
// Configs and secrets have one source, external ones nothing else, devices count or ids, ...
void check_objects(const Node& document, Report& report);

}  // namespace spec
