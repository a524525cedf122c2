// What a driver tells of a container: its tag, and the labels and variables that were asked for.
#include <array>

#include "supervisor/log_sink.hpp"

namespace supervisor {

namespace {

std::string fill_in(std::string text, const planner::Container& container) {
  const std::array<std::pair<const char*, std::string>, 7> values{
      {{"{{.Name}}", container.name},
       {"{{.ID}}", container.name.substr(0, 12)},
       {"{{.FullID}}", container.name},
       {"{{.ImageName}}", container.image},
       {"{{.ImageFullID}}", container.image_id},
       {"{{.ImageID}}", container.image_id.substr(0, 12)},
       {"{{.DaemonName}}", "stack"}}};
  for (const auto& [mark, value] : values) {
    const std::string_view wanted = mark;
    for (std::size_t at = text.find(wanted); at != std::string::npos;
         at = text.find(wanted, at + value.size())) {
      text.replace(at, wanted.size(), value);
    }
  }
  return text;
}

}  // namespace

LogSubject log_subject(const planner::Container& container, const spec::LogOptions& options) {
  LogSubject out{container.name,
                 container.image,
                 container.image_id,
                 options.tag.empty() ? container.name : fill_in(options.tag, container),
                 {}};
  for (const std::string& label : options.labels) {
    if (const auto at = container.labels.find(label); at != container.labels.end()) {
      out.extra[label] = at->second;
    }
  }
  // Of a label and a variable of the same name the variable counts, as with docker.
  for (const std::string& name : options.env) {
    for (const std::string& entry : container.environment) {
      if (base::starts_with(entry, name + "=")) out.extra[name] = entry.substr(name.size() + 1);
    }
  }
  return out;
}

}  // namespace supervisor
