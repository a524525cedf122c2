#include <unistd.h>

#include "base/json.hpp"
#include "cli/commands.hpp"
#include "cli/errors.hpp"
#include "cli/image_text.hpp"
#include "cli/table.hpp"
#include "cli/terminal.hpp"
#include "image/store.hpp"

namespace cli {

// The images of the stack's containers, as docker compose lists them.
int images(const Context& context, const Arguments& args) {
  const Recorded recorded = look_up(context);
  const image::Store store(context.roots);
  Table table({"CONTAINER", "REPOSITORY", "TAG", "IMAGE ID", "SIZE"});
  std::string ids;
  nlohmann::json array = nlohmann::json::array();
  if (!recorded.intent) return kDone;
  for (const planner::Container& container : recorded.intent->containers) {
    if (!is_selected(args.names, container.service)) continue;
    const auto id = image::try_parse_digest(container.image_id);
    const auto image = id ? store.find(*id) : std::nullopt;
    const ShownName name = id ? shown_name(container.image) : ShownName{container.image, "<none>"};
    const std::string shown = id ? id->brief() : container.image_id;
    const std::string size = image ? base::human_size(image->size()) : "N/A";
    table.add({container.name, name.repository, name.tag, shown, size});
    if (ids.find(shown) == std::string::npos) ids += shown + "\n";
    array.push_back({{"ContainerName", container.name},
                     {"Repository", name.repository},
                     {"Tag", name.tag},
                     {"ID", container.image_id},
                     {"Size", image ? image->size() : 0}});
  }
  write_text(STDOUT_FILENO, args.list.quiet         ? ids
                            : args.format == "json" ? array.dump() + "\n"
                                                    : table.str());
  return kDone;
}

}  // namespace cli
