// Any bytes as YAML: scan, parse, interpolate. What comes out keeps the bounds, and every place
// lies inside the text.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "spec/interpolate.hpp"
#include "spec/yaml_parse.hpp"

namespace {

struct Limits {
  spec::Bounds bounds;
  std::size_t lines = 0;
  std::size_t nodes = 0;
};

void check_place(const spec::Place& place, const Limits& limits) {
  // The end of the file is a place too: one line further.
  if (place.line > limits.lines + 1 || !place.known() || place.column == 0) std::abort();
}

void check_node(const spec::Node& node, std::size_t depth, Limits& limits) {
  if (depth > limits.bounds.depth || ++limits.nodes > limits.bounds.nodes) std::abort();
  check_place(node.place, limits);
  if (node.via != spec::Via::Text) check_place(node.via_place, limits);
  for (const spec::Node& child : node.children) check_node(child, depth + 1, limits);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Limits limits;
  limits.bounds.nodes = 2000;
  limits.bounds.depth = 20;
  limits.bounds.expanded_bytes = 1U << 16U;
  limits.lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  spec::Report report;
  if (spec::scan(text, 0, limits.bounds, report)) {
    for (spec::Node& document : spec::parse_yaml(text, 0, limits.bounds, report)) {
      limits.nodes = 0;
      check_node(document, 0, limits);
      spec::interpolate(
          document,
          [](const std::string& name) {
            return name.size() == 1 ? std::optional<std::string>("value") : std::nullopt;
          },
          text, report);
    }
  } else if (!report.failed()) {
    std::abort();
  }
  for (const spec::Diagnostic& one : report.sorted()) check_place(one.place, limits);
  return 0;
}
