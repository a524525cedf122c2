#include "cli/service_images.hpp"

#include "base/error.hpp"
#include "cli/image_text.hpp"
#include "cli/image_use.hpp"
#include "image/reference.hpp"
#include "image/store.hpp"

namespace cli {

namespace {

// As it is kept; "" for what the store does not have: `host`, folders.
std::string stored_name(const std::string& reference, const std::string& working_dir) {
  try {
    const image::Reference parsed = image::parse_reference(reference, working_dir);
    return parsed.is_registry() || parsed.is_archive() ? parsed.name() : std::string();
  } catch (const base::Error&) {
    return {};
  }
}

// The platform's whose image the container is made from; the name itself where it means another
// image by now.
void add_names(const image::Store& store, const std::string& name, const std::string& id,
               std::set<std::string>& out) {
  bool found = false;
  for (const image::StoredName& each : store.platforms_of(name)) {
    if (each.id.str() != id) continue;
    out.insert(each.name);
    found = true;
  }
  if (!found && store.find_name(name)) out.insert(name);
}

std::set<std::string> names_in_file(const Context& context, const image::Store& store,
                                    const std::vector<std::string>& services) {
  std::set<std::string> out;
  try {
    spec::LoadOptions options = context.load_options();
    options.to_run = false;
    const spec::Stack stack = spec::load(options).stack;
    for (const auto& [key, service] : stack.services) {
      if (!is_selected(services, key)) continue;
      const std::string name = stored_name(service.image.value, stack.working_dir);
      if (name.empty()) continue;
      const std::string one = image::name_for(name, service.platform);
      if (store.find_name(one)) out.insert(one);
    }
  } catch (const base::Error&) {
    return {};  // none, or a broken one: `down` does without
  }
  return out;
}

std::string shown(const std::string& stored) {
  const ShownName name = shown_name(stored);
  return name.tag.empty() || name.tag == "<none>" ? name.repository
                                                  : base::cat(name.repository, ":", name.tag);
}

}  // namespace

std::set<std::string> service_images(const Context& context, const Recorded& recorded,
                                     const std::vector<std::string>& services) {
  const image::Store store(context.roots);
  if (!recorded.intent) return names_in_file(context, store, services);
  std::set<std::string> out;
  for (const planner::Container& each : recorded.intent->containers) {
    if (!is_selected(services, each.service)) continue;
    const std::string name = stored_name(each.image, recorded.intent->working_dir);
    if (!name.empty()) add_names(store, name, each.image_id, out);
  }
  return out;
}

void remove_service_images(const Context& context, const std::set<std::string>& names,
                           Progress& progress) {
  const image::Store store(context.roots);
  const auto used = used_images(context);
  for (const std::string& name : names) {
    const auto found = store.find_name(name);
    if (!found) continue;  // somebody else removed it meanwhile
    const std::string line = base::cat("Image ", shown(name));
    if (used.contains(found->id)) {
      progress.set(line, "Resource is still in use", Mark::Skipped);
      continue;
    }
    progress.set(line, "Removing", Mark::Working);
    store.remove_name(name, used);
    progress.set(line, "Removed", Mark::Done);
  }
}

}  // namespace cli
