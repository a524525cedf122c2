#include "cli/repairs.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "base/process.hpp"

namespace cli {

namespace {

constexpr int kVersion = 1;
constexpr unsigned kMost = 10;            // tries of what fails, then none
constexpr unsigned kHarmlessRepairs = 5;  // repairs that need not last
constexpr base::Duration kFirst = std::chrono::minutes(1);
constexpr base::Duration kLongest = std::chrono::hours(1);

std::string repairs_file(const base::ProjectPaths& paths) {
  return paths.run + "/repairs.json";
}

}  // namespace

std::optional<base::Duration> repair_delay(const Repairs::Entry& entry) {
  const unsigned tries =
      entry.failed + (entry.again > kHarmlessRepairs ? entry.again - kHarmlessRepairs : 0);
  if (tries == 0) return base::Duration{0};
  if (tries >= kMost) return {};
  return std::min<base::Duration>(kFirst * (std::int64_t{1} << (tries - 1)), kLongest);
}

Repairs Repairs::read(const base::ProjectPaths& paths) {
  const auto text = base::try_read_file(repairs_file(paths));
  return text ? decode(*text) : Repairs{};
}

Repairs Repairs::decode(const std::string& text) {
  const auto in = nlohmann::json::parse(text, nullptr, false);
  Repairs out;
  if (!in.is_object()) return out;
  try {
    if (in.value("boot", "") != base::boot_id() || in.value("version", 0) != kVersion) return out;
    for (const auto& item : in.at("repairs").items()) {
      Entry& entry = out.entries_[item.key()];
      item.value().at("failed").get_to(entry.failed);
      item.value().at("again").get_to(entry.again);
      item.value().at("last").get_to(entry.last);
      item.value().at("text").get_to(entry.text);
    }
  } catch (const nlohmann::json::exception&) {
    return {};
  }
  return out;
}

std::string Repairs::encode() const {
  nlohmann::json list = nlohmann::json::object();
  for (const auto& [id, entry] : entries_) {
    list[id] = {{"failed", entry.failed},
                {"again", entry.again},
                {"last", entry.last},
                {"text", entry.text}};
  }
  const nlohmann::json out{
      {"boot", base::boot_id()}, {"version", kVersion}, {"repairs", std::move(list)}};
  return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void Repairs::write(const base::ProjectPaths& paths) const {
  if (!changed_) return;
  try {
    if (entries_.empty()) {
      base::remove_file(repairs_file(paths));
    } else if (base::is_directory(paths.run)) {
      base::write_atomic(repairs_file(paths), encode());
    }
  } catch (const base::SysError&) {
    // Without it the next pass tries again sooner than it would have: no harm.
  }
}

bool Repairs::is_held(const planner::Step& step, base::Duration now) const {
  const auto at = entries_.find(step.id);
  if (at == entries_.end()) return false;
  const auto delay = repair_delay(at->second);
  return !delay || now < at->second.last + *delay;
}

// A link that was made again may be made again each minute; a program that ends each time not.
void Repairs::note_done(const planner::Step& step, base::Duration now) {
  const auto at = entries_.find(step.id);
  if (step.kind != planner::Kind::Container || !planner::makes_run(step.action)) {
    if (at == entries_.end()) return;
    entries_.erase(at);
    changed_ = true;
    return;
  }
  Entry& entry = entries_[step.id];
  entry.again = entry.last.count() != 0 && now - entry.last < 2 * kLongest ? entry.again + 1 : 0;
  entry.failed = 0;
  entry.last = now;
  entry.text = step.reasons.empty() ? std::string() : step.reasons.front().text;
  changed_ = true;
}

void Repairs::note_failed(const planner::Step& step, const std::string& text, base::Duration now) {
  Entry& entry = entries_[step.id];
  ++entry.failed;
  entry.last = now;
  entry.text = text;
  changed_ = true;
}

void Repairs::keep_only(const std::vector<planner::Step>& steps, base::Duration now) {
  const auto healed = [&](const auto& item) {
    const bool planned = std::any_of(steps.begin(), steps.end(), [&](const planner::Step& step) {
      return step.id == item.first;
    });
    // One that ended again and again is remembered a while.
    return !planned && (item.second.again == 0 || now - item.second.last > kLongest);
  };
  if (std::erase_if(entries_, healed) != 0) changed_ = true;
}

std::string Repairs::describe(const std::string& step_id, base::Duration now) const {
  const auto at = entries_.find(step_id);
  if (at == entries_.end()) return {};
  const Entry& entry = at->second;
  const auto delay = repair_delay(entry);
  if (delay && delay->count() == 0) return {};
  std::string out = entry.failed > 0 ? base::cat("repair failed ", entry.failed,
                                                 entry.failed == 1 ? " time" : " times")
                                     : base::cat("repaired ", entry.again + 1, " times");
  if (!delay) return out + ", given up until the next up";
  const base::Duration left = entry.last + *delay - now;
  if (left.count() <= 0) return out + ", due now";
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
  return out + base::cat(", next in ", base::human_duration(seconds));
}

void forget_repairs(const base::ProjectPaths& paths) {
  try {
    base::remove_file(repairs_file(paths));
  } catch (const base::SysError&) {
  }
}

}  // namespace cli
