#include "cli/log_view.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "cli/terminal.hpp"

namespace cli {

std::size_t LogMerger::add(NextLine next) {
  sources_.push_back({std::move(next), {}});
  return sources_.size() - 1;
}

std::optional<LogMerger::Merged> LogMerger::next() {
  Source* oldest = nullptr;
  for (Source& source : sources_) {
    if (!source.head) source.head = source.next();
    if (source.head && (oldest == nullptr || source.head->time < oldest->head->time))
      oldest = &source;
  }
  if (oldest == nullptr) return {};
  Merged out{static_cast<std::size_t>(oldest - sources_.data()), std::move(*oldest->head)};
  oldest->head.reset();
  return out;
}

void LogPrinter::add(const std::string& name) {
  names_.push_back(name);
  width_ = std::max(width_, display_width(name));
}

std::string LogPrinter::text(std::size_t source, const supervisor::LogLine& line) const {
  std::string out;
  if (format_.prefix) {
    std::string prefix = names_[source];
    prefix.append(width_ - display_width(prefix) + 2, ' ');
    out = paint_nth(prefix + "| ", source, format_.colour);
  }
  if (format_.timestamps) out += base::rfc3339(line.time) + " ";
  return out + line.text + "\n";
}

std::string short_name(const std::string& container, const std::string& project) {
  const std::string prefix = project + "-";
  return base::starts_with(container, prefix) && container.size() > prefix.size()
             ? container.substr(prefix.size())
             : container;
}

}  // namespace cli
