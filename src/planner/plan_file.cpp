#include "planner/plan_file.hpp"

#include <algorithm>

#include "planner/codec_strict.hpp"

namespace planner {

using base::cat;
using nlohmann::json;

namespace {

constexpr int kMaxDepth = 16;  // ours has eight

std::string checksum_of(PlanFile file) {
  file.checksum.clear();
  return base::short_hash(codec::put(file).dump(), 16);
}

// "NAME:LINE:COLUMN: error: TEXT" of a byte of `text`, counted from 1.
[[noreturn]] void fail_at(const std::string& name, const std::string& text, std::size_t byte,
                          const std::string& what) {
  const std::size_t end = std::min(text.size(), byte == 0 ? 0 : byte - 1);
  const auto begin = text.begin();
  const auto stop = begin + static_cast<std::ptrdiff_t>(end);
  const std::size_t line = static_cast<std::size_t>(std::count(begin, stop, '\n')) + 1;
  const std::size_t before = end == 0 ? std::string::npos : text.rfind('\n', end - 1);
  const std::size_t column = before == std::string::npos ? end + 1 : end - before;
  throw base::Error(cat(name, ":", line, ":", column, ": error: ", what),
                    "make the plan again: stack plan -o FILE");
}

json parse_json(const std::string& text, const std::string& name) {
  if (text.size() > kPlanFileLimit) {
    throw base::Error(cat(name, ": larger than any plan (", kPlanFileLimit, " bytes)"));
  }
  try {
    return json::parse(text, [&](int depth, json::parse_event_t /*event*/, json& /*parsed*/) {
      if (depth > kMaxDepth) throw base::Error(cat(name, ": nested deeper than any plan"));
      return true;
    });
  } catch (const json::parse_error& error) {
    fail_at(
        name, text, error.byte,
        error.byte > text.size() ? "the plan is cut off" : "the plan is damaged: this is no JSON");
  }
}

}  // namespace

std::string write_plan_file(PlanFile file) {
  try {
    file.checksum = checksum_of(file);
    return codec::put(file).dump(1) + "\n";
  } catch (const json::type_error&) {
    throw base::Error("the plan cannot be written: a value in it is no UTF-8",
                      "such a value may come from the environment or an env_file");
  }
}

PlanFile parse_plan_file(const std::string& text, const std::string& name) {
  const json in = parse_json(text, name);
  const std::string hint = "make the plan again: stack plan -o FILE";
  if (!in.is_object() || !in.contains("stack_plan")) {
    throw base::Error(cat(name, ": is no plan of stack"), "stack plan -o FILE writes one");
  }
  PlanFile out;
  std::string path;
  try {
    {
      const codec::Below below(path, "stack_plan");
      codec::take(in["stack_plan"], out.stack_plan, path);
    }
    if (out.stack_plan > kPlanFileVersion) {
      throw base::Error(cat("was written by a newer stack: version ", out.stack_plan,
                            " of the format, known are those up to ", kPlanFileVersion));
    }
    if (out.stack_plan < 1) codec::refuse("stack_plan", "should be 1 or more");
    codec::take(in, out, path);
  } catch (const base::Error& error) {
    throw base::Error(cat(name, ": ", error.what()), hint);
  }
  return out;
}

PlanFile read_plan_file(const std::string& text, const std::string& name) {
  PlanFile out = parse_plan_file(text, name);
  if (out.checksum != checksum_of(out)) {
    throw base::Error(cat(name, ": the plan is damaged: its checksum does not fit"),
                      "a plan is carried out as it was made; make it again: stack plan -o FILE");
  }
  return out;
}

std::vector<std::string> changed_facts(const std::map<std::string, std::string>& before,
                                       const std::map<std::string, std::string>& now) {
  std::vector<std::string> out;
  for (const auto& [what, state] : before) {
    const auto at = now.find(what);
    if (at == now.end()) {
      out.push_back(cat(what, " has gone"));
    } else if (at->second != state) {
      out.push_back(cat(what, " has changed"));
    }
  }
  for (const auto& [what, state] : now) {
    if (before.count(what) == 0) out.push_back(cat(what, " is new"));
  }
  return out;
}

}  // namespace planner
