// events: what happens to the stack's containers, from its journal; works when nothing runs.
#include <unistd.h>

#include <array>
#include <ctime>

#include "base/error.hpp"
#include "base/json.hpp"
#include "cli/commands.hpp"
#include "cli/errors.hpp"
#include "cli/event_text.hpp"
#include "cli/signals.hpp"
#include "cli/terminal.hpp"
#include "cli/when.hpp"
#include "supervisor/event_journal.hpp"

namespace cli {

std::string event_text(const supervisor::Event& event) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(event.time);
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(
                          event.time - std::chrono::system_clock::from_time_t(seconds))
                          .count();
  std::tm local{};
  ::localtime_r(&seconds, &local);
  std::array<char, 32> date{};
  std::strftime(date.data(), date.size(), "%Y-%m-%d %H:%M:%S", &local);
  std::string padded = std::to_string(micros);
  padded.insert(0, 6 - std::min<std::size_t>(6, padded.size()), '0');
  std::vector<std::string> attributes;
  for (const auto& [name, value] : event.attributes) {
    attributes.push_back(base::cat(name, "=", value));
  }
  std::string out = base::cat(date.data(), ".", padded, " container ", event.action, " ",
                              event.container, " (", base::join(attributes, ", "), ")");
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return out + "\n";
}

std::string event_json(const supervisor::Event& event) {
  const nlohmann::json out{
      {"action", event.action},   {"attributes", event.attributes},    {"id", event.container},
      {"service", event.service}, {"time", base::rfc3339(event.time)}, {"type", "container"}};
  return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

int events(const Context& context, const Arguments& args) {
  using Clock = std::chrono::system_clock;
  const base::ProjectPaths paths = context.project();
  const auto since = when_given("--since", args.events.since);
  const auto until = when_given("--until", args.events.until);
  supervisor::EventReader reader(paths);
  if (!since) reader.skip();
  Signals signals({SIGINT, SIGTERM});
  signals.end_at(2);
  while (signals.count() == 0) {
    while (const auto event = reader.next()) {
      if ((since && event->time < *since) || !is_selected(args.names, event->service)) continue;
      if (until && event->time > *until) return kDone;
      write_text(STDOUT_FILENO, args.events.json ? event_json(*event) : event_text(*event));
    }
    if (until && Clock::now() > *until) return kDone;
    reader.wait(std::chrono::milliseconds(until ? 50 : 1000), signals.fd());
  }
  return kInterrupted;
}

}  // namespace cli
