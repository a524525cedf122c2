// merge(): lays a later document over an earlier one. Both are canonical (long forms), so the
// rules of 13-merge.md follow from the types of the schema: mappings by key, lists appended,
// commands replaced; !reset and !override as tagged.
#pragma once

#include "spec/node.hpp"

namespace spec {

void merge(Node& base, Node over);
// The same for one service: what it extends, and itself. Its tags stay, for the files before it.
void merge_service(Node& base, Node over);
// Removes what !reset dropped and forgets the tags, once everything is merged.
void settle_tags(Node& document);
// The same in kind, text, keys and order of lists; places do not count.
bool same_value(const Node& a, const Node& b);

}  // namespace spec
