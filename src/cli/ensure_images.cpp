#include "cli/ensure_images.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "base/error.hpp"
#include "cli/errors.hpp"
#include "cli/stack_image.hpp"
#include "cli/terminal.hpp"
#include "image/reference.hpp"
#include "image/rootfs.hpp"
#include "spec/pull_policy.hpp"

namespace cli {

namespace {

using When = spec::PullPolicy::When;

spec::PullPolicy policy_of(const spec::Service& service, const EnsureImages& options) {
  if (options.all) return {When::Always, {}};
  const std::string& text =
      options.pull.empty() || options.pull == "policy" ? service.pull_policy : options.pull;
  if (const auto policy = spec::parse_pull_policy(text)) return *policy;
  throw base::Error(base::cat("\"", text, "\" is no pull policy"),
                    "always, missing, never, daily, weekly, or every_ and a duration");
}

bool is_old(const image::Presence& presence, base::Duration age) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto then = std::chrono::seconds(presence.at);
  return now - then >= age;
}

// What to do about one image; Nothing: it is here and fresh enough.
image::Need need_of(const image::Presence& presence, const image::Reference& reference,
                    const spec::PullPolicy& policy) {
  if (presence.need != image::Need::Nothing) {
    if (presence.need == image::Need::Pull && policy.when == When::Never) {
      throw base::Error(
          base::cat("image ", reference.familiar(), " is not here, and pull_policy is never"),
          base::cat("stack image pull ", reference.familiar()));
    }
    return presence.need;
  }
  if (!reference.is_registry() || presence.name.empty()) return image::Need::Nothing;
  const bool again =
      policy.when == When::Always || (policy.when == When::Older && is_old(presence, policy.age));
  return again ? image::Need::Pull : image::Need::Nothing;
}

struct Fetch {
  image::Need need = image::Need::Nothing;
  std::string name;  // of the reference, absolute
  std::string platform;
  spec::Place place;

  [[nodiscard]] std::vector<std::string> words() const {
    std::vector<std::string> out;
    switch (need) {
      case image::Need::Pull:
        out = {"pull"};
        break;
      case image::Need::Load:
        out = {"load"};
        break;
      case image::Need::Unpack:
        out = {"verify", "--mend", "yes"};
        break;
      case image::Need::Nothing:
        break;
    }
    if (!platform.empty()) out.insert(out.end(), {"--platform", platform});
    out.insert(out.end(), {"--", name});
    return out;
  }
};

}  // namespace

std::vector<std::string> with_dependencies(const spec::Stack& stack,
                                           const std::vector<std::string>& names) {
  std::set<std::string> seen;
  std::vector<std::string> todo = names.empty() ? service_names(stack) : names, out;
  while (!todo.empty()) {
    const std::string name = todo.back();
    todo.pop_back();
    const auto at = stack.services.find(name);
    if (at == stack.services.end() || !seen.insert(name).second) continue;
    out.push_back(name);
    for (const spec::Dependency& each : at->second.depends_on) todo.push_back(each.service);
  }
  std::sort(out.begin(), out.end());
  return out;
}

void refuse_build(const spec::Loaded& loaded, const std::vector<std::string>& services) {
  std::vector<spec::Diagnostic> found;
  for (const auto& [name, service] : loaded.stack.services) {
    if (!is_selected(services, name) || !service.extras.build) continue;
    spec::Diagnostic diagnostic;
    diagnostic.place = service.extras.build->place;
    diagnostic.text = base::cat("--build: service ", name, " is to be built, and images are not");
    diagnostic.hint =
        "build it elsewhere, bring it here with `stack image load`, name it in image:";
    found.push_back(std::move(diagnostic));
  }
  if (!found.empty()) throw spec::SpecError(std::move(found), loaded.sources);
}

unsigned ensure_images(const Context& context, const spec::Loaded& loaded,
                       const EnsureImages& options) {
  const spec::Stack& stack = loaded.stack;
  std::vector<Fetch> fetches;
  std::set<std::string> seen;
  for (const auto& [name, service] : stack.services) {
    if (!is_selected(options.services, name) || service.image.value.empty()) continue;
    if (options.ignore_buildable && service.extras.build) continue;
    Fetch fetch;
    fetch.platform = service.platform;
    fetch.place = service.image.place;
    try {
      const image::Reference reference =
          image::parse_reference(service.image.value, stack.working_dir);
      const auto presence = image::look_for(service.image.value, stack.working_dir, context.roots,
                                            {.platform = service.platform});
      fetch.name = reference.name();
      fetch.need = need_of(presence, reference, policy_of(service, options));
      // In the store under the name with its platform; a pull takes them apart again.
      if (fetch.need == image::Need::Unpack) fetch.name = presence.id;
    } catch (const base::Error& error) {
      const std::string where = stack.describe(service.image.place);
      throw base::Error(where.empty() ? error.what() : base::cat(where, ": error: ", error.what()),
                        error.hint());
    }
    if (fetch.need != image::Need::Nothing &&
        seen.insert(base::cat(fetch.name, "#", fetch.platform)).second) {
      fetches.push_back(fetch);
    }
  }
  unsigned failed = 0;
  if (!fetches.empty()) require_root("up");
  for (const Fetch& fetch : fetches) {
    try {
      run_stack_image(context, {.words = fetch.words(), .quiet = options.quiet, .seen = {}});
    } catch (const base::Error& error) {
      if (options.ignore_failures && fetch.need == image::Need::Pull) {
        ++failed;
        write_text(STDERR_FILENO, render_error(error, context.err_colour));
        continue;
      }
      const std::string where = stack.describe(fetch.place);
      throw base::Error(where.empty() ? error.what() : base::cat(where, ": error: ", error.what()),
                        error.hint());
    }
  }
  return failed;
}

}  // namespace cli
