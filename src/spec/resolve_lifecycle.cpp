// How a service is kept running and where its output goes: restart, deploy.restart_policy, x-stack,
// logging.
#include "base/text.hpp"
#include "spec/log_options.hpp"
#include "spec/resolve.hpp"
#include "spec/units.hpp"

namespace spec {
namespace {

class LifecycleReader {
 public:
  LifecycleReader(const Node& node, Service& service, Report& report)
      : node_(node), service_(service), report_(report) {}

  void run() {
    restart();
    if (const Node* deploy = node_.find("deploy")) {
      if (const Node* policy = deploy->find("restart_policy"); policy && policy->is_map()) {
        deploy_restart(*policy);
      }
    }
    if (const Node* ours = node_.find("x-stack")) extension(*ours);
    if (const Node* logging = node_.find("logging")) log(*logging);
  }

 private:
  void run_error(Place place, const std::string& text, std::string hint = {}) {
    report_.run_error(place, base::cat("service ", service_.name, ": ", text), std::move(hint));
  }

  void restart() {
    const Node* restart = node_.find("restart");
    if (restart == nullptr || restart->text.empty()) return;
    const std::string mode = restart->text.substr(0, restart->text.find(':'));
    const std::size_t colon = restart->text.find(':');
    if (mode == "no") {
      service_.restart.mode = RestartMode::No;
    } else if (mode == "always") {
      service_.restart.mode = RestartMode::Always;
    } else if (mode == "unless-stopped") {
      service_.restart.mode = RestartMode::UnlessStopped;
    } else if (mode == "on-failure") {
      service_.restart.mode = RestartMode::OnFailure;
    } else {
      run_error(restart->place, base::cat("the restart policy '", restart->text, "' is not known"),
                suggestion(mode, {"no", "always", "on-failure", "unless-stopped"}));
      return;
    }
    if (colon == std::string::npos) return;
    const auto tries = base::parse_uint(std::string_view(restart->text).substr(colon + 1));
    if (mode != "on-failure" || !tries || *tries > 1'000'000) {
      run_error(restart->place, base::cat("'", restart->text, "' is not a restart policy"),
                "only on-failure takes a number: on-failure:3");
      return;
    }
    service_.restart.max_retries = static_cast<unsigned>(*tries);
  }

  // deploy.md: any is the default; docker compose lets it win over `restart`.
  void deploy_restart(const Node& node) {
    RestartPolicy out;
    const std::string condition = node.text_of("condition");
    if (condition.empty() || condition == "any" || condition == "always") {
      out.mode = RestartMode::Always;
    } else if (condition == "on-failure") {
      out.mode = RestartMode::OnFailure;
    } else if (condition == "unless-stopped") {
      out.mode = RestartMode::UnlessStopped;
    } else if (condition != "none" && condition != "no") {
      run_error(node.find("condition")->place,
                base::cat("deploy.restart_policy.condition: '", condition, "' is not known"),
                "any, on-failure or none");
      return;
    }
    if (const Node* attempts = node.find("max_attempts")) {
      const auto tries = base::parse_uint(attempts->text);
      if (!tries || *tries > 1'000'000) {
        run_error(attempts->place, base::cat("deploy.restart_policy.max_attempts: ", attempts->text,
                                             " is no number of tries"));
      } else {
        out.max_retries = static_cast<unsigned>(*tries);
      }
    }
    if (const Node* delay = node.find("delay")) out.delay = parse_duration(delay->text);
    if (const Node* window = node.find("window")) out.window = parse_duration(window->text);
    service_.restart = out;
  }

  // Ours alone: docker compose skips every key that begins with x-.
  void extension(const Node& node) {
    if (!node.is_map()) {
      run_error(node.place, "x-stack is not a mapping", "x-stack: {on-unhealthy: restart}");
      return;
    }
    for (const Node& child : node.children) {
      if (child.key != "on-unhealthy") {
        run_error(child.key_place, base::cat("x-stack has no key '", child.key, "'"),
                  "it has on-unhealthy");
      } else if (child.text == "restart") {
        service_.restart_unhealthy = true;
      } else if (child.text != "none") {
        run_error(child.place, base::cat("x-stack.on-unhealthy: '", child.text, "' is not known"),
                  "restart or none");
      }
    }
  }

  void log(const Node& logging) {
    service_.logging.driver = logging.text_of("driver");
    read_map(logging, "options", service_.logging.options);
    const Node* options = logging.find("options");
    std::vector<LogProblem> problems;
    (void)parse_log_options(service_.logging, problems);
    for (const LogProblem& problem : problems) {
      const Node* at = problem.option.empty() ? logging.find("driver") : nullptr;
      if (at == nullptr && options != nullptr) at = options->find(problem.option);
      const Place place = at != nullptr ? at->place : logging.place;
      if (problem.fatal) {
        run_error(place, base::cat("logging: ", problem.text), problem.hint);
      } else {
        report_.warning(place, base::cat("service ", service_.name, ": logging: ", problem.text),
                        problem.hint);
      }
    }
  }

  const Node& node_;
  Service& service_;
  Report& report_;
};

}  // namespace

void resolve_lifecycle(const Node& node, Service& service, Report& report) {
  LifecycleReader(node, service, report).run();
}

}  // namespace spec
