// A plan for people: to_text() and describe().
#include <algorithm>

#include "base/text.hpp"
#include "planner/changes.hpp"
#include "planner/codec.hpp"
#include "planner/plan.hpp"

namespace planner {

using base::cat;

namespace {

// In code points, so that columns stay aligned; names are ASCII, values may not be.
std::size_t width_of(const std::string& text) {
  std::size_t out = 0;
  for (const char c : text) out += (static_cast<unsigned char>(c) & 0xc0U) != 0x80U ? 1 : 0;
  return out;
}

std::string padded(const std::string& text, std::size_t width) {
  const std::size_t have = width_of(text);
  return have >= width ? text : text + std::string(width - have, ' ');
}

// One line, at most 40 characters, quoted; control characters never reach the terminal.
std::string quoted(const std::string& value) {
  constexpr std::size_t limit = 40;
  std::string out = "\"";
  std::size_t count = 0;
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    const bool starts_character = (byte & 0xc0U) != 0x80U;
    if (starts_character && count == limit) {
      out.append("…");
      break;
    }
    if (starts_character) ++count;
    if (c == '\n') {
      out.append("\\n");
    } else if (byte < 0x20 || byte == 0x7f) {
      out.push_back('?');
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
  return out;
}

bool is_secret(const Reason& reason) {
  const std::string prefix = "environment.";
  return base::starts_with(reason.field, prefix) &&
         looks_secret(reason.field.substr(prefix.size()));
}

std::string reason_text(const Reason& reason) {
  if (reason.field.empty() || (reason.before.empty() && reason.after.empty())) return reason.text;
  if (is_secret(reason)) return cat(reason.text, " (value not shown)");
  if (reason.before.empty()) return cat(reason.text, ": ", quoted(reason.after));
  if (reason.after.empty()) return cat(reason.text, ": was ", quoted(reason.before));
  return cat(reason.text, ": ", quoted(reason.before), " → ", quoted(reason.after));
}

// "3 to create", "1 changed in place".
std::string counted(std::size_t count, Fate fate) {
  switch (fate) {
    case Fate::Created:
      return cat(count, " to create");
    case Fate::Replaced:
      return cat(count, " to replace");
    case Fate::Restarted:
      return cat(count, " to restart");
    case Fate::Started:
      return cat(count, " to start");
    case Fate::Stopped:
      return cat(count, " to stop");
    case Fate::Removed:
      return cat(count, " to remove");
    case Fate::Signalled:
      return cat(count, " to signal");
    case Fate::Paused:
      return cat(count, " to pause");
    case Fate::Unpaused:
      return cat(count, " to unpause");
    case Fate::Reconnected:
      return cat(count, " to reconnect");
    case Fate::InPlace:
      return cat(count, " changed in place");
    case Fate::Untouched:
      return cat(count, " untouched");
  }
  return {};
}

// Containers first; then what else is touched, by its kind.
std::string summary(const Plan& plan) {
  std::vector<std::string> groups, parts;
  for (const auto& entry : codec::Names<Fate>::list) {
    const auto count = std::count_if(plan.outcomes.begin(), plan.outcomes.end(),
                                     [&](const Outcome& each) { return each.fate == entry.value; });
    if (count != 0) parts.push_back(counted(static_cast<std::size_t>(count), entry.value));
  }
  if (!parts.empty()) groups.push_back(base::join(parts, ", "));
  for (const auto& [kind, word] :
       {std::pair{Kind::Supervisor, "supervisor"}, std::pair{Kind::Network, "networks"},
        std::pair{Kind::Volume, "volumes"}, std::pair{Kind::Ports, "ports"}}) {
    parts.clear();
    for (const auto& entry : codec::Names<Action>::list) {
      const auto count =
          std::count_if(plan.steps.begin(), plan.steps.end(), [&, wanted = kind](const Step& step) {
            return step.kind == wanted && step.action == entry.value;
          });
      if (count == 0) continue;
      const bool one = kind == Kind::Supervisor || kind == Kind::Ports;
      parts.push_back(one ? cat("to ", entry.name) : cat(count, " to ", entry.name));
    }
    if (!parts.empty()) groups.push_back(cat(word, ": ", base::join(parts, ", ")));
  }
  return base::join(groups, "; ");
}

// A line a fate, with the containers it is of. Who stays what it is need not be listed at length.
std::string outcome_text(const Plan& plan) {
  constexpr std::size_t kUntouchedShown = 12;
  std::string out;
  for (const auto& entry : codec::Names<Fate>::list) {
    std::vector<std::string> names;
    for (const Outcome& each : plan.outcomes) {
      if (each.fate == entry.value) names.push_back(each.container);
    }
    if (names.empty()) continue;
    std::string more;
    if (entry.value == Fate::Untouched && names.size() > kUntouchedShown) {
      more = cat(" and ", names.size() - kUntouchedShown, " more");
      names.resize(kUntouchedShown);
    }
    constexpr std::size_t width = 11;  // "reconnected"
    out.append(cat("  ", padded(entry.name, width), "  ", base::join(names, ", "), more, "\n"));
  }
  return out.empty() ? out : cat("Containers:\n", out);
}

struct Look {
  char sign;
  const char* colour;
};

Look look_of(Action action) {
  switch (action) {
    case Action::Create:
    case Action::Prepare:
    case Action::Start:
      return {'+', "\033[32m"};
    case Action::Update:
    case Action::Replace:
    case Action::Restart:
    case Action::Signal:
    case Action::Pause:
    case Action::Unpause:
      return {'~', "\033[33m"};
    case Action::Stop:
    case Action::Remove:
      return {'-', "\033[31m"};
  }
  return {' ', ""};
}

}  // namespace

std::string describe(const Step& step) {
  return cat(codec::name_of(step.kind), " ", step.target, " ", codec::name_of(step.action));
}

std::string to_text(const Plan& plan, TextOptions options) {
  std::string out;
  std::size_t target_width = 0;
  for (const Step& step : plan.steps) target_width = std::max(target_width, width_of(step.target));
  const bool ours = std::any_of(plan.steps.begin(), plan.steps.end(),
                                [](const Step& step) { return step.kind == Kind::Supervisor; });
  const std::size_t kind_width = ours ? 10 : 9;  // "supervisor", "container"
  constexpr std::size_t action_width = 7;        // "replace"
  const std::string indent(2 + kind_width + 2 + target_width + 2 + action_width + 2, ' ');
  for (const Step& step : plan.steps) {
    const Look look = look_of(step.action);
    if (options.colour) out.append(look.colour);
    out.append(cat(look.sign, " ", padded(codec::name_of(step.kind), kind_width), "  ",
                   padded(step.target, target_width), "  ",
                   padded(codec::name_of(step.action), action_width)));
    if (options.colour) out.append("\033[0m");
    for (std::size_t i = 0; i < step.reasons.size(); ++i) {
      out.append(i == 0 ? "  " : cat("\n", indent)).append(reason_text(step.reasons[i]));
    }
    out.push_back('\n');
  }
  if (!plan.orphans.empty()) {
    out.append(cat("Left alone, in no service of the file (--remove-orphans removes them): ",
                   base::join(plan.orphans, ", "), "\n"));
  }
  for (const std::string& note : plan.notes) out.append(cat("Note: ", note, "\n"));
  if (plan.steps.empty()) {
    out.append(plan.forget ? cat("Nothing to do: ", plan.project, " is not up.\n")
                           : cat("Nothing to do: ", plan.project, " is up to date.\n"));
    return out;
  }
  out.append(outcome_text(plan)).append(cat("Plan: ", summary(plan), ".\n"));
  return out;
}

}  // namespace planner
