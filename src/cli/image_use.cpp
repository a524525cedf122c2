#include "cli/image_use.hpp"

#include "base/error.hpp"
#include "base/text.hpp"

namespace cli {

std::map<image::Digest, std::set<std::string>> images_in_use(const Context& context) {
  std::map<image::Digest, std::set<std::string>> out;
  for (const executor::KnownStack& known : executor::known_stacks(context.roots)) {
    const base::ProjectPaths paths(context.roots, known.project);
    const auto add = [&](const planner::Container& container) {
      // `host` and folders have ids of another form.
      if (const auto id = image::try_parse_digest(container.image_id)) {
        out[*id].insert(base::cat(container.name, " (stack ", known.project, ")"));
      }
    };
    if (const auto intent = executor::recorded_intent(paths)) {
      for (const planner::Container& container : intent->containers) add(container);
    }
    // What runs may be older than what was last asked for.
    for (const planner::ActualContainer& container : executor::observe(paths).containers) {
      if (container.fingerprint.empty()) continue;
      try {
        add(planner::parse_fingerprint(container.fingerprint));
      } catch (const base::Error&) {
        continue;  // of another version of stack: the intent has it
      }
    }
  }
  return out;
}

std::set<image::Digest> used_images(const Context& context) {
  std::set<image::Digest> out;
  for (const auto& [id, containers] : images_in_use(context)) out.insert(id);
  return out;
}

}  // namespace cli
