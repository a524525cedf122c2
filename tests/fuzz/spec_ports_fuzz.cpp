// One line of ports, volumes or devices: what an item of such a list can hold, and port ranges.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "spec/short_forms.hpp"
#include "spec/units.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const spec::Path path{nullptr, "fuzz"};
  for (const spec::Expand expand : {spec::expand_port, spec::expand_mount, spec::expand_device}) {
    spec::Report report;
    spec::Node node = spec::Node::string(text, {0, 1, 1});
    expand(node, path, report);
    if (!report.failed() && !node.is_map()) std::abort();
  }
  if (const auto range = spec::parse_port_range(text)) {
    if (range->count == 0 || range->first + range->count - 1 > 65535) std::abort();
  }
  return 0;
}
