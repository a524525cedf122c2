// From events to lines: names, wording, plain and JSON output. Pure.
#include "base/json.hpp"
#include "cli/progress.hpp"

namespace cli {

using executor::Phase;
using executor::StepEvent;
using planner::Action;
using planner::Kind;

namespace {

struct Words {
  const char* doing;
  const char* done;
};

Words words_of(Kind kind, Action action) {
  switch (action) {
    case Action::Create:
      return kind == Kind::Container ? Words{"Creating", "Started"} : Words{"Creating", "Created"};
    case Action::Prepare:
      return {"Creating", "Created"};
    case Action::Start:
      return {"Starting", "Started"};
    case Action::Update:
      return {"Updating", "Updated"};
    case Action::Replace:
      return {"Recreating", "Recreated"};
    case Action::Restart:
      return {"Restarting", "Restarted"};
    case Action::Signal:
      return {"Killing", "Killed"};
    case Action::Pause:
      return {"Pausing", "Paused"};
    case Action::Unpause:
      return {"Unpausing", "Unpaused"};
    case Action::Stop:
      return {"Stopping", "Stopped"};
    case Action::Remove:
      return kind == Kind::Container ? Words{"Stopping", "Removed"} : Words{"Removing", "Removed"};
  }
  return {"Working", "Done"};
}

std::string status_of(const StepEvent& event) {
  const Words words = words_of(event.kind, event.action);
  switch (event.phase) {
    case Phase::Began:
      return words.doing;
    case Phase::Waiting:
      return "Waiting";
    case Phase::Done:
      // A wait's result ("Healthy", "Exited") says more than "Started".
      return event.text.empty() ? words.done : event.text;
    case Phase::Skipped:
      return "Skipped";
    case Phase::Failed:
      return "Error";
    case Phase::Cancelled:
      return "Cancelled";
  }
  return {};
}

Mark mark_of(Phase phase) {
  switch (phase) {
    case Phase::Began:
    case Phase::Waiting:
      return Mark::Working;
    case Phase::Done:
      return Mark::Done;
    case Phase::Skipped:
    case Phase::Cancelled:
      return Mark::Skipped;
    case Phase::Failed:
      return Mark::Failed;
  }
  return Mark::Working;
}

const char* kind_word(Kind kind) {
  switch (kind) {
    case Kind::Supervisor:
      return "Supervisor";
    case Kind::Network:
      return "Network";
    case Kind::Volume:
      return "Volume";
    case Kind::Endpoint:
      return "Endpoint";
    case Kind::Ports:
      return "Ports";
    case Kind::Container:
      return "Container";
  }
  return "";
}

const char* phase_word(Phase phase) {
  switch (phase) {
    case Phase::Began:
      return "began";
    case Phase::Waiting:
      return "waiting";
    case Phase::Done:
      return "done";
    case Phase::Skipped:
      return "skipped";
    case Phase::Failed:
      return "failed";
    case Phase::Cancelled:
      return "cancelled";
  }
  return "";
}

const char* action_word(Action action) {
  switch (action) {
    case Action::Create:
      return "create";
    case Action::Prepare:
      return "prepare";
    case Action::Start:
      return "start";
    case Action::Update:
      return "update";
    case Action::Replace:
      return "replace";
    case Action::Restart:
      return "restart";
    case Action::Signal:
      return "signal";
    case Action::Pause:
      return "pause";
    case Action::Unpause:
      return "unpause";
    case Action::Stop:
      return "stop";
    case Action::Remove:
      return "remove";
  }
  return "";
}

}  // namespace

std::string display_name(const StepEvent& event) {
  return base::cat(kind_word(event.kind), " ", event.target);
}

const ProgressLine* Board::take(const StepEvent& event, base::Duration now) {
  const bool inner = event.kind == Kind::Endpoint || event.kind == Kind::Ports;
  if (inner && event.phase != Phase::Failed) return nullptr;
  return set(display_name(event), status_of(event), mark_of(event.phase), now);
}

const ProgressLine* Board::set(const std::string& name, const std::string& status, Mark mark,
                               base::Duration now) {
  const auto [at, fresh] = index_.emplace(name, lines_.size());
  if (fresh) lines_.push_back({name, {}, Mark::Working, now, now});
  ProgressLine& line = lines_[at->second];
  if (line.status == status && line.mark == mark) return nullptr;
  line.status = status;
  line.mark = mark;
  line.ended = now;
  return &line;
}

std::string plain_line(const ProgressLine& line) {
  return base::cat(" ", line.name, "  ", line.status, "\n");
}

std::string json_line(const StepEvent& event) {
  nlohmann::json out{{"id", display_name(event)},
                     {"kind", kind_word(event.kind)},
                     {"name", event.target},
                     {"step", event.step},
                     {"action", action_word(event.action)},
                     {"phase", phase_word(event.phase)},
                     {"status", status_of(event)},
                     {"elapsed_ms", event.elapsed.count() / 1'000'000}};
  if (!event.text.empty()) out["text"] = event.text;
  if (!event.hint.empty()) out["hint"] = event.hint;
  return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace cli
