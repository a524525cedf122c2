#include "cli/ps_view.hpp"

#include <algorithm>
#include <tuple>

#include "base/json.hpp"
#include "base/process.hpp"
#include "cli/table.hpp"
#include "cli/terminal.hpp"

namespace cli {

using planner::ContainerStatus;

std::string age_text(Clock::duration age) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(age).count();
  const auto count = [](std::int64_t n, const char* unit) { return base::cat(n, " ", unit); };
  if (seconds < 1) return "Less than a second";
  if (seconds == 1) return "1 second";
  if (seconds < 60) return count(seconds, "seconds");
  const auto minutes = seconds / 60;
  if (minutes == 1) return "About a minute";
  if (minutes < 60) return count(minutes, "minutes");
  const auto hours = (seconds + 1800) / 3600;
  if (hours == 1) return "About an hour";
  if (hours < 48) return count(hours, "hours");
  if (hours < 24 * 7 * 2) return count(hours / 24, "days");
  if (hours < 24 * 30 * 2) return count(hours / 24 / 7, "weeks");
  if (hours < 24 * 365 * 2) return count(hours / 24 / 30, "months");
  return count(hours / 24 / 365, "years");
}

std::string state_word(ContainerStatus status) {
  switch (status) {
    case ContainerStatus::Created:
      return "created";
    case ContainerStatus::Running:
      return "running";
    case ContainerStatus::Restarting:
      return "restarting";
    case ContainerStatus::Paused:
      return "paused";
    case ContainerStatus::Exited:
      return "exited";
  }
  return {};
}

std::string health_word(planner::Health health) {
  switch (health) {
    case planner::Health::None:
      return "";
    case planner::Health::Starting:
      return "starting";
    case planner::Health::Healthy:
      return "healthy";
    case planner::Health::Unhealthy:
      return "unhealthy";
  }
  return {};
}

std::string signal_word(int signal) {
  return signal == 0 ? std::string() : base::signal_name(signal);
}

namespace {
std::string ended_text(const char* word, const planner::ActualContainer& container,
                       Clock::time_point now) {
  const planner::ExitState& exit = container.exit;
  std::string out = base::cat(word, " (", exit.known ? std::to_string(exit.code) : "unknown", ")");
  if (exit.finished_at != Clock::time_point{})
    out += base::cat(" ", age_text(now - exit.finished_at), " ago");
  if (exit.oom_killed) {
    out += " (out of memory)";
  } else if (exit.signal != 0) {
    out += base::cat(" (", signal_word(exit.signal), ")");
  }
  return out;
}
}  // namespace

std::string status_text(const planner::ActualContainer& container, Clock::time_point now) {
  switch (container.status) {
    case ContainerStatus::Created:
      return container.error.empty() ? "Created" : "Created (did not start)";
    case ContainerStatus::Restarting:
      return ended_text("Restarting", container, now);
    case ContainerStatus::Exited:
      return ended_text("Exited", container, now);
    case ContainerStatus::Running:
    case ContainerStatus::Paused:
      break;
  }
  std::string out = "Up " + age_text(now - container.started_at);
  if (container.status == ContainerStatus::Paused) return out + " (Paused)";
  switch (container.health) {
    case planner::Health::None:
      return out;
    case planner::Health::Starting:
      return out + " (health: starting)";
    case planner::Health::Healthy:
      return out + " (healthy)";
    case planner::Health::Unhealthy:
      return out + " (unhealthy)";
  }
  return out;
}

namespace {

const char* protocol_word(netfab::Protocol protocol) {
  return protocol == netfab::Protocol::Tcp ? "tcp" : "udp";
}

std::string address_text(const netfab::PublishedPort& port) {
  if (port.host_address) {
    return port.host_address->is_v4() ? port.host_address->str()
                                      : base::cat("[", port.host_address->str(), "]");
  }
  return port.target.is_v4() ? "0.0.0.0" : "[::]";
}

std::string range_text(unsigned first, unsigned last) {
  return first == last ? std::to_string(first) : base::cat(first, "-", last);
}

// For programs: never 0 for an end that nobody saw, which a script would take for a success.
int exit_code(const planner::ActualContainer& container) {
  const bool unseen = container.status == ContainerStatus::Exited && !container.exit.known;
  return unseen ? -1 : container.exit.code;
}

}  // namespace

std::string host_side(const netfab::PublishedPort& port) {
  return base::cat(address_text(port), ":", port.host_port);
}

std::string ports_text(const std::vector<netfab::PublishedPort>& ports) {
  std::vector<netfab::PublishedPort> sorted = ports;
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return std::tie(a.target.family, a.host_address, a.protocol, a.host_port, a.target_port) <
           std::tie(b.target.family, b.host_address, b.protocol, b.host_port, b.target_port);
  });
  std::vector<std::string> out;
  for (std::size_t i = 0; i < sorted.size();) {
    const netfab::PublishedPort& first = sorted[i];
    std::size_t n = 1;  // how many consecutive ports lead to consecutive ports
    while (i + n < sorted.size() && sorted[i + n].protocol == first.protocol &&
           address_text(sorted[i + n]) == address_text(first) &&
           sorted[i + n].host_port == first.host_port + n &&
           sorted[i + n].target_port == first.target_port + n) {
      ++n;
    }
    const auto more = static_cast<unsigned>(n - 1);
    out.push_back(base::cat(address_text(first), ":",
                            range_text(first.host_port, first.host_port + more), "->",
                            range_text(first.target_port, first.target_port + more), "/",
                            protocol_word(first.protocol)));
    i += n;
  }
  return base::join(out, ", ");
}

std::string command_text(const planner::Container& container, bool whole) {
  std::string text = base::join(container.argv, " ");
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  return base::cat("\"", whole ? text : fit(text, 20), "\"");
}

std::string ps_table(const std::vector<PsRow>& rows, Clock::time_point now, bool whole_commands) {
  Table table({"NAME", "IMAGE", "COMMAND", "SERVICE", "CREATED", "STATUS", "PORTS"});
  for (const PsRow& row : rows) {
    const bool runs = row.actual.status == ContainerStatus::Running;
    table.add({row.actual.name, row.described.image, command_text(row.described, whole_commands),
               row.actual.service, age_text(now - row.actual.created_at) + " ago",
               row.repair.empty() ? status_text(row.actual, now)
                                  : base::cat(status_text(row.actual, now), " (", row.repair, ")"),
               runs ? ports_text(row.described.ports) : ""});
  }
  return table.str();
}

std::string ps_json(const PsRow& row, const std::string& project, Clock::time_point now) {
  using nlohmann::json;
  const planner::ActualContainer& actual = row.actual;
  const bool runs = actual.status == ContainerStatus::Running;
  json publishers = json::array();
  std::vector<std::string> networks, mounts, labels;
  for (const auto& port : row.described.ports) {
    if (!runs) break;
    const std::string url =
        port.host_address ? port.host_address->str() : (port.target.is_v4() ? "0.0.0.0" : "::");
    publishers.push_back({{"URL", url},
                          {"TargetPort", port.target_port},
                          {"PublishedPort", port.host_port},
                          {"Protocol", protocol_word(port.protocol)}});
  }
  for (const auto& each : row.described.endpoints) networks.push_back(each.network);
  for (const auto& each : row.described.mounts) {
    if (!each.source.empty()) mounts.push_back(each.source);
  }
  for (const auto& each : row.described.labels)
    labels.push_back(base::cat(each.first, "=", each.second));
  json out{{"ID", actual.name},
           {"Name", actual.name},
           {"Names", actual.name},
           {"Image", row.described.image},
           {"Command", command_text(row.described, true)},
           {"Project", project},
           {"Service", actual.service},
           {"Index", actual.index},
           {"CreatedAt", base::rfc3339(actual.created_at)},
           {"RunningFor", age_text(now - actual.created_at) + " ago"},
           {"State", state_word(actual.status)},
           {"Status", status_text(actual, now)},
           {"Health", health_word(actual.health)},
           {"ExitCode", exit_code(actual)},
           {"ExitCodeKnown", runs || actual.exit.known},
           {"Signal", signal_word(actual.exit.signal)},
           {"HealthOutput", actual.health_output},
           {"OOMKilled", actual.exit.oom_killed},
           {"LogDropped", row.log_dropped},
           {"Restarts", actual.restarts},
           {"Pid", runs ? actual.process.pid : 0},
           {"StartedAt", base::rfc3339(actual.started_at)},
           {"Error", actual.error},
           {"Repair", row.repair},
           {"Publishers", publishers},
           {"Ports", runs ? ports_text(row.described.ports) : ""},
           {"Networks", base::join(networks, ",")},
           {"Mounts", base::join(mounts, ",")},
           {"Labels", base::join(labels, ",")}};
  return out.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace cli
