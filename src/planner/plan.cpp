#include "planner/plan.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "planner/changes.hpp"
#include "planner/codec.hpp"

namespace planner {

using base::cat;

void to_json(nlohmann::json& out, const Plan& value) {
  out = codec::put(value);
}
void from_json(const nlohmann::json& in, Plan& value) {
  codec::get(in, value);
}

const Step* Plan::step(const std::string& id) const {
  const auto at =
      std::find_if(steps.begin(), steps.end(), [&](const Step& step) { return step.id == id; });
  return at == steps.end() ? nullptr : &*at;
}

const Container* Plan::container(const std::string& name) const {
  if (const Container* found = desired.container(name)) return found;
  const auto at = std::find_if(removed.begin(), removed.end(),
                               [&](const Container& container) { return container.name == name; });
  return at == removed.end() ? nullptr : &*at;
}

const Network* Plan::network(const std::string& name) const {
  if (const Network* found = desired.network(name)) return found;
  const auto at = std::find_if(removed_networks.begin(), removed_networks.end(),
                               [&](const Network& network) { return network.name == name; });
  return at == removed_networks.end() ? nullptr : &*at;
}

const netfab::Endpoint* Plan::endpoint(const Step& step) const {
  const std::size_t slash = step.target.find('/');
  if (step.kind != Kind::Endpoint || slash == std::string::npos) return nullptr;
  const std::string owner = step.target.substr(0, slash);
  const std::string network = step.target.substr(slash + 1);
  const auto look = [&](const std::vector<Container>& list) -> const netfab::Endpoint* {
    for (const Container& container : list) {
      if (container.name != owner) continue;
      for (const EndpointSpec& endpoint : container.endpoints) {
        if (endpoint.network == network) return &endpoint.link;
      }
    }
    return nullptr;
  };
  if (step.action == Action::Remove) {
    if (const netfab::Endpoint* found = look(removed)) return found;
  }
  return look(desired.containers);
}

std::string basis_of(const ActualState& actual) {
  std::vector<std::string> facts;
  for (const netfab::Bridge& bridge : actual.fabric.bridges) {
    std::string text = cat("bridge ", bridge.device, " ", bridge.label);
    for (const base::Cidr& address : bridge.addresses) text.append(" ").append(address.str());
    facts.push_back(std::move(text));
  }
  for (const netfab::Endpoint& endpoint : actual.fabric.endpoints) {
    facts.push_back(cat("endpoint ", endpoint.device, " ", endpoint.bridge, " ", endpoint.label));
  }
  for (const netfab::PublishedPort& port : actual.fabric.ports) {
    facts.push_back(cat("port ", static_cast<int>(port.protocol), " ",
                        port.host_address ? port.host_address->str() : "*", " ", port.host_port,
                        " ", port.target.str(), " ", port.target_port));
  }
  for (const std::string& network : actual.networks) facts.push_back(cat("network ", network));
  for (const ActualVolume& volume : actual.volumes) facts.push_back(cat("volume ", volume.name));
  for (const ActualContainer& container : actual.containers) {
    // Not the health: it changes by itself, and no step is decided by it.
    facts.push_back(cat("container ", container.name, " ", static_cast<int>(container.status), " ",
                        container.process.pid, " ", container.process.start_time, " ",
                        container.fingerprint));
  }
  std::sort(facts.begin(), facts.end());
  return base::short_hash(cat(actual.project, "\n", base::join(facts, "\n")), 16);
}

// ---- for people
// -----------------------------------------------------------------------------------

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

bool makes_run(Action action) {
  switch (action) {
    case Action::Create:
    case Action::Start:
    case Action::Replace:
    case Action::Restart:
      return true;
    case Action::Prepare:
    case Action::Update:
    case Action::Signal:
    case Action::Pause:
    case Action::Unpause:
    case Action::Stop:
    case Action::Remove:
      break;
  }
  return false;
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
  std::vector<std::string> parts;
  for (const auto& entry : codec::Names<Action>::list) {
    const auto count = std::count_if(plan.steps.begin(), plan.steps.end(),
                                     [&](const Step& step) { return step.action == entry.value; });
    if (count != 0) parts.push_back(cat(count, " to ", entry.name));
  }
  if (plan.unchanged != 0) parts.push_back(cat(plan.unchanged, " unchanged"));
  out.append(cat("Plan: ", base::join(parts, ", "), ".\n"));
  return out;
}

}  // namespace planner
