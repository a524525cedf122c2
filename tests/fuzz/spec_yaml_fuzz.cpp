// Any bytes as a stack file, through every stage that needs no files.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "spec/interpolate.hpp"
#include "spec/load.hpp"
#include "spec/merge.hpp"
#include "spec/normalise.hpp"
#include "spec/resolve.hpp"
#include "spec/schema.hpp"
#include "spec/yaml_parse.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const spec::Bounds bounds;
  spec::Report report;
  spec::Sources sources{{"fuzz.yaml", std::string(text)}};
  const spec::Lookup lookup = [](const std::string& name) {
    return name.size() == 1 ? std::optional<std::string>("value") : std::nullopt;
  };
  if (!spec::scan(text, 0, bounds, report)) return 0;
  spec::Node merged;
  bool first = true;
  for (spec::Node& document : spec::parse_yaml(text, 0, bounds, report)) {
    spec::interpolate(document, lookup, text, report);
    spec::canonicalise(document, report);
    if (report.failed()) break;
    if (first) {
      merged = std::move(document);
      first = false;
    } else {
      spec::merge(merged, std::move(document));
    }
  }
  if (!report.failed() && merged.is_map()) {
    spec::settle_tags(merged);
    spec::enforce_unique(merged);
    spec::NormaliseOptions options;
    options.project = "fuzz";
    options.directory = "/nonexistent";
    options.home = "/nonexistent";
    options.lookup = lookup;
    std::map<std::string, std::string> inactive;
    spec::normalise(merged, options, sources, inactive, report);
    spec::Stack stack;
    stack.name = "fuzz";
    stack.working_dir = "/nonexistent";
    spec::Resolving in{merged, inactive, stack, report};
    spec::resolve(in);
    spec::warn_without_effect(merged, report);
    stack.canonical = std::make_shared<const spec::Node>(std::move(merged));
    (void)spec::to_json(stack);
    (void)spec::to_yaml(stack);
  }
  for (const spec::Diagnostic& one : report.sorted()) (void)spec::render(one, sources, true);
  return 0;
}
