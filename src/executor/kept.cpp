#include "executor/kept.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "executor/container_state.hpp"
#include "executor/observe.hpp"

namespace executor {

namespace {

using planner::ActualContainer;
using planner::ContainerStatus;
using Clock = std::chrono::system_clock;

constexpr int kVersion = 1;

std::int64_t kept_ns(Clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

Clock::time_point kept_time(std::int64_t ns) {
  return Clock::time_point(
      std::chrono::duration_cast<Clock::duration>(std::chrono::nanoseconds(ns)));
}

std::string record_hash(const std::string& fingerprint) {
  return base::short_hash(fingerprint, 16);
}

ActualContainer revive(const planner::Container& spec, std::string fingerprint,
                       const KeptContainer& kept, const base::ProjectPaths& paths) {
  ActualContainer out;
  out.name = spec.name;
  out.service = spec.service;
  out.index = spec.index;
  out.step = spec.step;
  out.oneoff = spec.oneoff;
  out.fingerprint = std::move(fingerprint);
  out.created_at = kept.created_at;
  out.stopped_by_user = kept.stopped_by_user;
  if (const auto init = find_init(paths.container_cgroup(spec.name))) {
    out.status = ContainerStatus::Running;
    out.process = *init;
    out.started_at = kept.created_at;
    out.recovered = true;
    return out;
  }
  out.status = kept.created ? ContainerStatus::Created : ContainerStatus::Exited;
  out.exit = kept.running ? planner::ExitState{} : kept.exit;
  out.from_before = true;
  return out;
}

}  // namespace

std::string kept_file(const base::ProjectPaths& paths) {
  return paths.data + "/kept.json";
}

std::string encode_kept(const Kept& kept) {
  nlohmann::json containers = nlohmann::json::object();
  for (const auto& [name, each] : kept) {
    containers[name] = {{"service", each.service},
                        {"index", each.index},
                        {"record", each.record},
                        {"running", each.running},
                        {"created", each.created},
                        {"stopped_by_user", each.stopped_by_user},
                        {"exit_known", each.exit.known},
                        {"exit_code", each.exit.code},
                        {"exit_signal", each.exit.signal},
                        {"oom_killed", each.exit.oom_killed},
                        {"finished_at", kept_ns(each.exit.finished_at)},
                        {"created_at", kept_ns(each.created_at)}};
  }
  return nlohmann::json{{"version", kVersion}, {"containers", std::move(containers)}}.dump();
}

std::optional<Kept> decode_kept(const std::string& text) {
  const auto in = nlohmann::json::parse(text, nullptr, false);
  if (!in.is_object()) return {};
  Kept out;
  try {
    if (in.value("version", 0) != kVersion) return {};
    for (const auto& entry : in.at("containers").items()) {
      const nlohmann::json& from = entry.value();
      KeptContainer& each = out[entry.key()];
      from.at("record").get_to(each.record);
      base::read_field(from, "service", each.service);
      base::read_field(from, "index", each.index);
      base::read_field(from, "running", each.running);
      base::read_field(from, "created", each.created);
      base::read_field(from, "stopped_by_user", each.stopped_by_user);
      base::read_field(from, "exit_known", each.exit.known);
      base::read_field(from, "exit_code", each.exit.code);
      base::read_field(from, "exit_signal", each.exit.signal);
      base::read_field(from, "oom_killed", each.exit.oom_killed);
      each.exit.finished_at = kept_time(from.value("finished_at", std::int64_t{0}));
      each.created_at = kept_time(from.value("created_at", std::int64_t{0}));
    }
  } catch (const nlohmann::json::exception&) {
    return {};
  }
  return out;
}

KeptContainer keep(const ActualContainer& container) {
  KeptContainer out;
  out.service = container.service;
  out.index = container.index;
  out.record = record_hash(container.fingerprint);
  out.running = planner::is_active(container.status);
  out.created = container.status == planner::ContainerStatus::Created;
  out.stopped_by_user = container.stopped_by_user;
  if (!out.running) out.exit = container.exit;
  out.created_at = container.created_at;
  return out;
}

std::vector<ActualContainer> known_without_record(const base::ProjectPaths& paths,
                                                  const std::vector<ActualContainer>& seen) {
  std::vector<ActualContainer> out;
  // The usual case: every container with data has its record, and nothing is read.
  std::vector<std::string> names = base::list_dir(paths.data + "/containers");
  std::erase_if(names, [&seen](const std::string& name) {
    return std::any_of(seen.begin(), seen.end(),
                       [&name](const ActualContainer& each) { return each.name == name; });
  });
  if (names.empty()) return out;
  const auto text = base::try_read_file(kept_file(paths));
  const auto kept = text ? decode_kept(*text) : std::nullopt;
  const auto intent = kept ? recorded_intent(paths) : std::nullopt;
  if (!intent) return out;
  for (const std::string& name : names) {
    const auto at = kept->find(name);
    const planner::Container* spec = intent->container(name);
    if (at == kept->end() || spec == nullptr) continue;
    std::string fingerprint = planner::fingerprint(*spec);
    if (record_hash(fingerprint) != at->second.record) continue;
    out.push_back(revive(*spec, std::move(fingerprint), at->second, paths));
  }
  return out;
}

}  // namespace executor
