// merge(): lays a later file over an earlier one. Both are canonical (long forms), so the rules
// of 13-merge.md follow from the types of the schema: mappings by key, lists appended, commands
// replaced; !reset and !override as tagged.
#pragma once

#include "spec/node.hpp"

namespace spec {

void merge(Node& base, Node over);
// Removes what !reset dropped and forgets the tags, once everything is merged.
void settle_tags(Node& document);

}  // namespace spec
