// parse_yaml(): text → one Node a document. Ours to do, because the YAML library does not:
// duplicate keys (an error citing both places), merge keys (<<), anchors with an expansion
// budget, plain scalars as docker compose resolves them. Must not know Compose.
#pragma once

#include <string_view>
#include <vector>

#include "spec/node.hpp"
#include "spec/report.hpp"
#include "spec/scan.hpp"

namespace spec {

// The documents of the text, empty ones left out. Errors are in `report`; then the result is
// incomplete.
std::vector<Node> parse_yaml(std::string_view text, std::uint32_t file, const Bounds& bounds,
                             Report& report);

}  // namespace spec
