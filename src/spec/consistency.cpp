// What the reference loader checks last, on the model as a whole.
#include <algorithm>
#include <map>

#include "base/files.hpp"
#include "base/text.hpp"
#include "spec/resolve.hpp"

namespace spec {
namespace {

class Consistency {
 public:
  Consistency(const Node& service, Resolving& in) : service_(service), in_(in) {}

  void run() {
    if (const Node* build = service_.find("build")) this->build(*build);
    targets();
    watch();
    models();
    deploy_twins();
  }

 private:
  void error(const Node& at, const std::string& text, std::string hint = {},
             std::vector<Related> related = {}) {
    in_.report.error(at.place, base::cat("service ", service_.key, ": ", text), std::move(hint),
                     std::move(related));
  }

  void build(const Node& node) {
    const Node* dockerfile = node.find("dockerfile");
    const Node* inlined = node.find("dockerfile_inline");
    if (dockerfile != nullptr && inlined != nullptr && !inlined->text.empty()) {
      error(*inlined, "dockerfile and dockerfile_inline exclude each other", "keep one of the two",
            {{dockerfile->place, "dockerfile is here"}});
    }
    if (const Node* contexts = node.find("additional_contexts")) {
      for (const Node& each : contexts->children) additional_context(each);
    }
    const Node* platform = service_.find("platform");
    const Node* platforms = node.find("platforms");
    if (platform == nullptr || platforms == nullptr || platforms->children.empty()) return;
    const auto same = [&](const Node& each) { return each.text == platform->text; };
    if (std::none_of(platforms->children.begin(), platforms->children.end(), same)) {
      error(*platform, base::cat("build.platforms does not have the platform ", platform->text),
            "add it there", {{platforms->key_place, "build.platforms is here"}});
    }
  }

  void additional_context(const Node& context) {
    if (!base::starts_with(context.text, "service:")) return;
    const std::string name = context.text.substr(8);
    const Node* other = in_.document.find("services")->find(name);
    if (other == nullptr) {
      std::vector<std::string> names;
      for (const auto& [key, each] : in_.stack.services) names.push_back(key);
      error(context,
            base::cat("the context ", context.key, " names the service '", name,
                      "', which is not defined"),
            suggestion(name, names));
    } else if (other->find("build") == nullptr) {
      error(context,
            base::cat("the context ", context.key, " names the service '", name,
                      "', which is not built"),
            {}, {{other->key_place, "that service is here"}});
    }
  }

  // Two mounts at one place.
  void targets() {
    std::map<std::string, Place> taken;
    const auto take = [&](const std::string& target, Place place) {
      const auto [at, added] = taken.emplace(target, place);
      if (added) return;
      in_.report.error(place,
                       base::cat("service ", service_.key, ": ", target, " is mounted twice"),
                       "keep one of the two", {{at->second, "first mounted here"}});
    };
    if (const Node* tmpfs = service_.find("tmpfs")) {
      for (const Node& each : tmpfs->children) {
        take(each.text.substr(0, each.text.find(':')), each.place);
      }
    }
    if (const Node* volumes = service_.find("volumes")) {
      for (const Node& each : volumes->children) take(each.text_of("target"), each.place);
    }
  }

  void watch() {
    const Node* develop = service_.find("develop");
    const Node* rules = develop == nullptr ? nullptr : develop->find("watch");
    if (rules == nullptr) return;
    for (const Node& rule : rules->children) {
      const std::string action = rule.text_of("action");
      if (!rule.text_of("target").empty() || action == "rebuild" || action == "restart") continue;
      error(rule, base::cat("develop.watch: the action ", action, " needs a target"),
            "target is the path inside the container");
    }
  }

  void models() {
    const Node* used = service_.find("models");
    if (used == nullptr) return;
    const Node* defined = in_.document.find("models");
    for (const Node& each : used->children) {
      if (defined != nullptr && defined->find(each.key) != nullptr) continue;
      std::vector<std::string> names;
      if (defined != nullptr) {
        for (const Node& model : defined->children) names.push_back(model.key);
      }
      std::string hint = suggestion(each.key, names);
      if (hint.empty()) hint = "add it below the top level key models";
      in_.report.error(
          each.key_place,
          base::cat("service ", service_.key, ": the model '", each.key, "' is not defined"),
          std::move(hint));
    }
  }

  // A limit given outside of deploy must be in deploy too once deploy has limits at all.
  void deploy_twins() {
    const Node* deploy = service_.find("deploy");
    const Node* resources = deploy == nullptr ? nullptr : deploy->find("resources");
    if (resources == nullptr) return;
    twin("cpus", resources->find("limits"), "cpus");
    twin("mem_limit", resources->find("limits"), "memory");
    twin("pids_limit", resources->find("limits"), "pids");
    twin("mem_reservation", resources->find("reservations"), "memory");
  }

  void twin(std::string_view plain, const Node* part, std::string_view key) {
    const Node* own = service_.find(plain);
    if (own == nullptr || own->text == "0" || part == nullptr || part->find(key) != nullptr) return;
    error(*own, base::cat(plain, " is given, but deploy.resources.", part->key, " has no ", key),
          base::cat("give it there too, or only there"), {{part->key_place, "deploy is here"}});
  }

  const Node& service_;
  Resolving& in_;
};

// Depth first; what is on the way when it is met again is a circle.
class CycleFinder {
 public:
  explicit CycleFinder(Resolving& in) : in_(in) {}

  void run() {
    for (const auto& [name, service] : in_.stack.services) visit(service);
  }

 private:
  enum class State : unsigned char { New, OnTheWay, Done };
  struct Step {
    const Service* service;
    std::size_t next = 0;
  };

  // With a stack of its own: a chain of ten thousand services must not need a deep one of ours.
  void visit(const Service& first) {
    if (state_[&first] != State::New) return;
    way_.push_back({&first});
    state_[&first] = State::OnTheWay;
    while (!way_.empty()) {
      Step& step = way_.back();
      if (step.next == step.service->depends_on.size()) {
        state_[step.service] = State::Done;
        way_.pop_back();
        continue;
      }
      const Dependency& dependency = step.service->depends_on[step.next++];
      const auto found = in_.stack.services.find(dependency.service);
      if (found == in_.stack.services.end()) continue;
      State& state = state_[&found->second];
      if (state == State::OnTheWay) {
        circle(found->second);
      } else if (state == State::New) {
        state = State::OnTheWay;
        way_.push_back({&found->second});
      }
    }
  }

  void circle(const Service& again) {
    std::size_t from = 0;
    while (way_[from].service != &again) ++from;
    std::string names;
    std::vector<Related> related;
    Place place;
    for (std::size_t i = from; i < way_.size(); ++i) {
      const Dependency& used = way_[i].service->depends_on[way_[i].next - 1];
      names += way_[i].service->name + " -> ";
      if (i == from) {
        place = used.place;
      } else {
        related.push_back(
            {used.place, base::cat(way_[i].service->name, " depends on ", used.service, " here")});
      }
    }
    in_.report.error(place,
                     base::cat("services depend on each other in a circle: ", names, again.name),
                     "one of them must start without the other", std::move(related));
  }

  Resolving& in_;
  std::vector<Step> way_;
  std::map<const Service*, State> state_;
};

void check_secrets(Resolving& in) {
  const Node* secrets = in.document.find("secrets");
  if (secrets == nullptr) return;
  for (const Node& secret : secrets->children) {
    const Node* external = secret.find("external");
    if ((external != nullptr && external->is_true()) || !secret.text_of("file").empty() ||
        !secret.text_of("environment").empty()) {
      continue;
    }
    in.report.error(secret.key_place,
                    base::cat("secret ", secret.key, " says nowhere what it holds"),
                    "give it one of file, environment, or external: true");
  }
}

}  // namespace

void check_consistency(const Node& service, Resolving& in) {
  Consistency(service, in).run();
}

void check_cycles(Resolving& in) {
  CycleFinder(in).run();
  check_secrets(in);
}

}  // namespace spec
