// Any bytes as a plan file: refused with a message, or read into a value that is written and read
// as the same; what holds together by its own account is shown without harm.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/error.hpp"
#include "base/text.hpp"
#include "planner/plan_file.hpp"

namespace {

struct Names final : planner::KernelNames {
  [[nodiscard]] std::string tag(const std::string& kind, const std::string& name) const override {
    return base::short_hash(base::cat(kind, ":", name));
  }
  [[nodiscard]] std::string netns(const std::string& container) const override {
    return base::cat("/run/", container);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    const planner::PlanFile file = planner::parse_plan_file(text, "plan.json");
    const std::string written = planner::write_plan_file(file);
    if (planner::write_plan_file(planner::read_plan_file(written, "again")) != written)
      std::abort();
    planner::check_plan(file.plan, Names());
    if (planner::to_text(file.plan).empty()) std::abort();
  } catch (const base::Error& error) {
    if (error.what()[0] == '\0') std::abort();
  }
  return 0;
}
