#include "base/text.hpp"
#include "spec/resolve.hpp"

namespace spec {
namespace {

const Node* deploy_part(const Node& node, std::string_view part) {
  const Node* deploy = node.find("deploy");
  const Node* resources = deploy == nullptr ? nullptr : deploy->find("resources");
  return resources == nullptr ? nullptr : resources->find(part);
}

class Reader {
 public:
  Reader(const Service& service, Report& report) : service_(service), report_(report) {}

  void complain(const Node& node, std::string_view why, std::string hint = {}) {
    report_.run_error(node.place, base::cat("service ", service_.name, ": ", node.key, " ", why),
                      std::move(hint));
  }

  // The two spellings of one limit must agree; the one that is there counts.
  const Node* either(const Node* plain, const Node* deploy) {
    if (plain != nullptr && deploy != nullptr && plain->text != deploy->text &&
        plain->text != "0") {
      report_.error(plain->place,
                    base::cat("service ", service_.name, ": ", plain->key, " and deploy say ",
                              plain->text, " and ", deploy->text),
                    "keep one of the two", {{deploy->place, "the other one"}});
    }
    return deploy != nullptr ? deploy : plain;
  }

  std::optional<std::uint64_t> size(const Node* node) {
    if (node == nullptr) return {};
    const auto value = base::parse_int(node->text);
    if (!value || *value < 0) {
      complain(*node, "cannot be negative");
      return {};
    }
    if (*value == 0) return {};  // docker's spelling of unlimited
    return static_cast<std::uint64_t>(*value);
  }

  std::optional<std::int64_t> number(const Node* node, std::int64_t least) {
    if (node == nullptr) return {};
    const auto value = base::parse_int(node->text);
    if (!value || *value < least) {
      complain(*node, base::cat("must be at least ", least));
      return {};
    }
    return value;
  }

 private:
  const Service& service_;
  Report& report_;
};

bool is_cpuset(std::string_view text) {
  for (const std::string& part : base::split(text, ',')) {
    const std::size_t dash = part.find('-');
    const auto first = base::parse_uint(std::string_view(part).substr(0, dash));
    if (!first || *first > 65535) return false;
    if (dash == std::string::npos) continue;
    const auto last = base::parse_uint(std::string_view(part).substr(dash + 1));
    if (!last || *last < *first || *last > 65535) return false;
  }
  return true;
}

}  // namespace

void resolve_limits(const Node& node, Service& service, Report& report) {
  Reader read(service, report);
  Limits& limits = service.limits;
  const Node* deploy = deploy_part(node, "limits");
  const Node* reserved = deploy_part(node, "reservations");
  const auto of = [](const Node* map, std::string_view key) {
    return map == nullptr ? nullptr : map->find(key);
  };
  limits.memory = read.size(read.either(node.find("mem_limit"), of(deploy, "memory")));
  limits.memory_reservation =
      read.size(read.either(node.find("mem_reservation"), of(reserved, "memory")));
  if (const Node* swap = node.find("memswap_limit")) {
    if (const auto value = read.number(swap, -1); value && *value != 0) {
      limits.memory_swap = value;
      if (*value > 0 && !limits.memory) {
        read.complain(*swap, "needs mem_limit", "it is the sum of memory and swap");
      } else if (*value > 0 && static_cast<std::uint64_t>(*value) < *limits.memory) {
        read.complain(*swap, "is below mem_limit", "it is the sum of memory and swap");
      }
    }
  }
  if (limits.memory && limits.memory_reservation && *limits.memory_reservation > *limits.memory) {
    const Node* at = node.find("mem_reservation");
    if (at == nullptr) at = of(reserved, "memory");
    if (at != nullptr) read.complain(*at, "is above the memory limit");
  }
  if (const Node* cpus = read.either(node.find("cpus"), of(deploy, "cpus"))) {
    const double value = base::parse_double(cpus->text).value_or(-1);
    if (value < 0) {
      read.complain(*cpus, "cannot be negative");
    } else if (value > 0 && value < 0.001) {
      read.complain(*cpus, "is too small", "the least is 0.001");
    } else if (value > 0) {
      limits.cpus = value;
    }
  }
  if (const auto shares = read.number(node.find("cpu_shares"), 0); shares && *shares != 0) {
    limits.cpu_shares = static_cast<std::uint64_t>(*shares);
  }
  limits.cpu_quota = read.number(node.find("cpu_quota"), -1);
  if (limits.cpu_quota && *limits.cpu_quota <= 0) limits.cpu_quota.reset();
  limits.cpu_period = read.number(node.find("cpu_period"), 0);
  if (limits.cpu_period && *limits.cpu_period == 0) limits.cpu_period.reset();
  if (const Node* period = node.find("cpu_period");
      limits.cpu_period && (*limits.cpu_period < 1000 || *limits.cpu_period > 1'000'000)) {
    read.complain(*period, "is outside of what the kernel takes", "1000 to 1000000 microseconds");
  }
  if (const Node* cpuset = node.find("cpuset"); cpuset != nullptr && !cpuset->text.empty()) {
    if (!is_cpuset(cpuset->text)) {
      read.complain(*cpuset, base::cat("'", cpuset->text, "' is not a list of CPUs"), "0-3,5");
    }
    limits.cpuset = cpuset->text;
  }
  limits.pids = read.number(read.either(node.find("pids_limit"), of(deploy, "pids")), -1);
  if (limits.pids && *limits.pids == 0) limits.pids.reset();
  if (const Node* shm = node.find("shm_size")) {
    if (const auto size = read.size(shm)) service.shm_size = *size;
  }
  if (const Node* score = node.find("oom_score_adj")) {
    const auto value = read.number(score, -1000);
    if (value && *value > 1000) read.complain(*score, "must be at most 1000");
    if (value && *value <= 1000) service.oom_score_adj = static_cast<int>(*value);
  }
  if (const Node* ulimits = node.find("ulimits")) {
    for (const Node& child : ulimits->children) {
      Ulimit& limit = service.ulimits[child.key];
      const std::string soft = child.is_map() ? child.text_of("soft") : child.text;
      const std::string hard = child.is_map() ? child.text_of("hard") : child.text;
      limit.soft = base::parse_int(soft).value_or(-1);
      limit.hard = base::parse_int(hard).value_or(-1);
    }
  }
}

}  // namespace spec
