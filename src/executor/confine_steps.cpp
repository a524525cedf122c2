#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/error.hpp"
#include "base/text.hpp"
#include "executor/capabilities.hpp"
#include "executor/compile.hpp"
#include "executor/seccomp.hpp"

namespace executor {

namespace {

constexpr std::uint64_t kOpenFiles = 1024;  // INR_OPEN_CUR of the kernel
constexpr const char* kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const std::map<std::string, int>& resources() {
  static const std::map<std::string, int> names = {
      {"as", RLIMIT_AS},           {"core", RLIMIT_CORE},         {"cpu", RLIMIT_CPU},
      {"data", RLIMIT_DATA},       {"fsize", RLIMIT_FSIZE},       {"locks", RLIMIT_LOCKS},
      {"memlock", RLIMIT_MEMLOCK}, {"msgqueue", RLIMIT_MSGQUEUE}, {"nice", RLIMIT_NICE},
      {"nofile", RLIMIT_NOFILE},   {"nproc", RLIMIT_NPROC},       {"rss", RLIMIT_RSS},
      {"rtprio", RLIMIT_RTPRIO},   {"rttime", RLIMIT_RTTIME},     {"sigpending", RLIMIT_SIGPENDING},
      {"stack", RLIMIT_STACK}};
  return names;
}

std::uint64_t limit_value(std::int64_t value) {
  return value < 0 ? ~std::uint64_t{0} : static_cast<std::uint64_t>(value);
}

std::string limit_text(std::int64_t value) {
  return value < 0 ? "unlimited" : std::to_string(value);
}

// Only what belongs to a namespace of the container's own may be set from inside.
bool is_namespaced(const std::string& key) {
  static const std::array<const char*, 12> kIpc = {
      "kernel.msgmax",     "kernel.msgmnb",      "kernel.msgmni",      "kernel.sem",
      "kernel.shmall",     "kernel.shmmax",      "kernel.shmmni",      "kernel.shm_rmid_forced",
      "kernel.domainname", "kernel.msg_next_id", "kernel.sem_next_id", "kernel.shm_next_id"};
  return base::starts_with(key, "net.") || base::starts_with(key, "fs.mqueue.") ||
         std::find(kIpc.begin(), kIpc.end(), key) != kIpc.end();
}

void add_limit(ChildProgram& program, const planner::Container& container, const std::string& name,
               int resource, const spec::Ulimit& limit) {
  Step& step = program.add(Op::Limit, base::cat("ulimit ", name, " = ", limit_text(limit.soft), ":",
                                                limit_text(limit.hard), place_of(container)));
  step.slot = resource;
  step.number = limit_value(limit.soft);
  step.high = limit_value(limit.hard);
}

// After the last file that the child opens: until exec it has as many descriptors as the supervisor
// that it is a copy of, and none may be opened above the limit.
void add_open_files_step(ChildProgram& program, const planner::Container& container) {
  const auto wished = container.ulimits.find("nofile");
  if (wished != container.ulimits.end()) {
    add_limit(program, container, "nofile", RLIMIT_NOFILE, wished->second);
    return;
  }
  // Ours is raised for what we hold ourselves; programs that go through every possible descriptor,
  // or use select(), want the kernel's own default.
  rlimit own{};
  if (::getrlimit(RLIMIT_NOFILE, &own) != 0) base::throw_errno("getrlimit", "nofile");
  Step& step = program.add(Op::Limit, "ulimit nofile");
  step.slot = RLIMIT_NOFILE;
  step.number = std::min<std::uint64_t>(kOpenFiles, own.rlim_max);
  step.high = own.rlim_max;
}

std::string name_of(const std::string& variable) {
  return variable.substr(0, variable.find('='));
}

}  // namespace

std::string place_of(const planner::Container& container) {
  return container.place.empty() ? std::string() : base::cat(" (", container.place, ")");
}

int resource_of(const planner::Container& container, const std::string& name) {
  const auto at = resources().find(name);
  if (at != resources().end()) return at->second;
  std::vector<std::string> known;
  for (const auto& entry : resources()) known.push_back(entry.first);
  throw base::Error(base::cat("unknown ulimit \"", name, "\"", place_of(container),
                              base::did_you_mean(name, base::nearest(name, known))));
}

void add_limit_steps(ChildProgram& program, const planner::Container& container) {
  for (const auto& [name, limit] : container.ulimits) {
    if (name == "nofile") continue;  // add_open_files_step
    add_limit(program, container, name, resource_of(container, name), limit);
  }
  if (container.oom_score_adj) {
    Step& step = program.add(Op::WriteFile, base::cat("oom_score_adj = ", *container.oom_score_adj,
                                                      place_of(container)));
    step.path = "/proc/self/oom_score_adj";
    step.text = program.arena.keep(std::to_string(*container.oom_score_adj));
  }
}

std::string sysctl_path(const planner::Container& container, const std::string& key) {
  std::string dotted = key;
  std::string path = key;
  // "net/ipv4/conf/eth0.1/..." keeps its dots; the common form has none but separators.
  if (key.find('/') == std::string::npos) {
    std::replace(path.begin(), path.end(), '.', '/');
  } else {
    std::replace(dotted.begin(), dotted.end(), '/', '.');
  }
  if (!is_namespaced(dotted) || path.find("..") != std::string::npos) {
    throw base::Error(base::cat("sysctl ", key, " is not the container's own", place_of(container)),
                      "it would change the whole machine: set it on the host, with sysctl(8)");
  }
  if (container.network == planner::NetworkKind::Host && base::starts_with(dotted, "net.")) {
    throw base::Error(
        base::cat("sysctl ", key, " cannot be set with network_mode: host", place_of(container)),
        "it would change the machine's own network");
  }
  return path;
}

void add_sysctl_steps(ChildProgram& program, const LaunchRequest& request) {
  const planner::Container& container = request.container;
  for (const auto& [key, value] : container.sysctls) {
    const std::string path = sysctl_path(container, key);
    Step& step =
        program.add(Op::Sysctl, base::cat("sysctl ", key, " = ", value, place_of(container)));
    step.path = program.arena.keep("/proc/sys/" + path);
    step.text = program.arena.keep(value);
  }
}

void add_confinement_steps(ChildProgram& program, const planner::Container& container,
                           const Confinement& confinement) {
  const std::size_t colon = confinement.user.find(':');
  program.user.name = program.arena.keep(confinement.user.substr(0, colon));
  if (colon != std::string::npos && colon + 1 < confinement.user.size()) {
    program.user.group = program.arena.keep(confinement.user.substr(colon + 1));
  }
  program.user.extra = program.arena.keep_all(container.group_add);

  const CapabilitySet capabilities = resolve_capabilities(
      {container.cap_add, container.cap_drop, container.privileged || confinement.privileged});
  const bool unconfined =
      (container.privileged || confinement.privileged) && container.seccomp.empty();
  const std::vector<sock_filter>* filter =
      unconfined ? nullptr : seccomp_filter(container.seccomp, capabilities);
  const bool locked = container.no_new_privileges && !confinement.privileged;
  const auto add_filter = [&] {
    if (filter == nullptr) return;
    program.filter = filter->data();
    program.filter_length = static_cast<std::uint16_t>(filter->size());
    program.add(Op::Seccomp, "install the system call filter");
  };

  program.add(Op::User, base::cat("user \"", confinement.user, "\"", place_of(container)));
  add_open_files_step(program, container);
  if (locked) program.add(Op::NoNewPrivs, "set no_new_privs");
  // Without no_new_privs only CAP_SYS_ADMIN may install a filter: before it is given up.
  if (!locked) add_filter();
  program.add(Op::Bounding, "drop capabilities").number = capabilities;
  program.add(Op::Become, base::cat("become user \"", confinement.user, "\"")).number =
      capabilities;
  if (locked) add_filter();
}

void add_exec_step(ChildProgram& program, const ProgramSpec& spec) {
  if (spec.argv.empty() || spec.argv.front().empty()) throw base::Error("no program to execute");
  std::vector<std::string> environment;
  std::map<std::string, std::size_t> index;
  const auto set = [&](const std::string& variable) {
    const auto inserted = index.emplace(name_of(variable), environment.size());
    if (inserted.second) {
      environment.push_back(variable);
    } else {
      environment[inserted.first->second] = variable;
    }
  };
  for (const std::string& variable : spec.environment) set(variable);
  if (index.count("PATH") == 0) set(base::cat("PATH=", kDefaultPath));
  if (index.count("HOSTNAME") == 0 && !spec.hostname.empty()) set("HOSTNAME=" + spec.hostname);
  if (index.count("TERM") == 0 && spec.tty) set("TERM=xterm");

  program.argv = program.arena.keep_all(spec.argv);
  program.envp = program.arena.keep_all(environment, 1);
  if (index.count("HOME") == 0) {
    constexpr std::string_view kHome = "HOME=/";
    program.home = program.arena.room(kHomeRoom + 8);
    kHome.copy(program.home, kHome.size());
    program.home[kHome.size()] = 0;
    program.envp[environment.size()] = program.home;
  }

  const std::string& name = spec.argv.front();
  const std::string path = environment[index.at("PATH")].substr(5);
  std::vector<std::string> candidates;
  if (name.find('/') != std::string::npos) {
    candidates.push_back(name);
  } else {
    for (const std::string& dir : base::split(path, ':')) {
      candidates.push_back(base::cat(dir.empty() ? "." : dir, "/", name));
    }
  }
  program.candidates = program.arena.keep_all(candidates);
  // The part after the unit separator is for the error text only.
  const bool searched = name.find('/') == std::string::npos;
  program.add(Op::Exec, base::cat("exec \"", name, "\"\x1f", searched ? path : std::string()));
}

}  // namespace executor
