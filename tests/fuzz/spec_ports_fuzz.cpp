// One line of ports, volumes or devices, and the units: what a value of a list can hold.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "spec/short_forms.hpp"
#include "spec/units.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const spec::Path path{nullptr, "fuzz"};
  for (const spec::Expand expand : {spec::expand_port, spec::expand_mount, spec::expand_device}) {
    spec::Report report;
    spec::Node node = spec::Node::string(text, {0, 1, 1});
    expand(node, path, report);
  }
  (void)spec::parse_bytes(text);
  if (const auto duration = spec::parse_duration(text)) (void)spec::duration_text(*duration);
  (void)spec::parse_port_range(text);
  std::vector<std::string> words;
  (void)spec::split_words(text, words);
  spec::Node scalar;
  spec::resolve_plain(text, scalar);
  return 0;
}
