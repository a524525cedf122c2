#include "executor/seccomp.hpp"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <map>
#include <memory>
#include <utility>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "base/text.hpp"

namespace executor {

namespace {

using Action = SyscallRule::Action;
using Argument = SyscallRule::Argument;

struct ReleaseFilter {
  void operator()(void* context) const noexcept { ::seccomp_release(context); }
};
using Context = std::unique_ptr<void, ReleaseFilter>;

// Calls younger than the library we may be linked with. From 424 on, numbers are the same
// everywhere.
struct YoungCall {
  const char* name;
  int number;
};
constexpr std::array<YoungCall, 28> kYoung = {{
    {"mount_setattr", 442},
    {"quotactl_fd", 443},
    {"landlock_create_ruleset", 444},
    {"landlock_add_rule", 445},
    {"landlock_restrict_self", 446},
    {"memfd_secret", 447},
    {"process_mrelease", 448},
    {"futex_waitv", 449},
    {"set_mempolicy_home_node", 450},
    {"cachestat", 451},
    {"fchmodat2", 452},
    {"map_shadow_stack", 453},
    {"futex_wake", 454},
    {"futex_wait", 455},
    {"futex_requeue", 456},
    {"statmount", 457},
    {"listmount", 458},
    {"lsm_get_self_attr", 459},
    {"lsm_set_self_attr", 460},
    {"lsm_list_modules", 461},
    {"mseal", 462},
    {"setxattrat", 463},
    {"getxattrat", 464},
    {"listxattrat", 465},
    {"removexattrat", 466},
    {"open_tree_attr", 467},
    {"file_getattr", 468},
    {"file_setattr", 469},
}};
constexpr unsigned kLastKnown = 469;

int number_of(const std::string& name) {
  const int known = ::seccomp_syscall_resolve_name(name.c_str());
  if (known != __NR_SCMP_ERROR) return known;
  for (const YoungCall& call : kYoung) {
    if (name == call.name) return call.number;
  }
  return __NR_SCMP_ERROR;
}

std::uint32_t action_value(Action action, std::optional<unsigned> errnum) {
  switch (action) {
    case Action::Allow:
      return SCMP_ACT_ALLOW;
    case Action::Errno:
      return SCMP_ACT_ERRNO(errnum.value_or(EPERM) & 0xffffU);
    case Action::Kill:
      return SCMP_ACT_KILL_THREAD;
    case Action::KillProcess:
      return SCMP_ACT_KILL_PROCESS;
    case Action::Trap:
      return SCMP_ACT_TRAP;
    case Action::Log:
      return SCMP_ACT_LOG;
  }
  return SCMP_ACT_KILL_PROCESS;
}

scmp_arg_cmp argument_value(const Argument& argument) {
  scmp_arg_cmp out{};
  out.arg = argument.index;
  out.datum_a = argument.value;
  out.datum_b = argument.value_two;
  switch (argument.compare) {
    case Argument::Compare::Ne:
      out.op = SCMP_CMP_NE;
      break;
    case Argument::Compare::Lt:
      out.op = SCMP_CMP_LT;
      break;
    case Argument::Compare::Le:
      out.op = SCMP_CMP_LE;
      break;
    case Argument::Compare::Eq:
      out.op = SCMP_CMP_EQ;
      break;
    case Argument::Compare::Ge:
      out.op = SCMP_CMP_GE;
      break;
    case Argument::Compare::Gt:
      out.op = SCMP_CMP_GT;
      break;
    case Argument::Compare::Masked:
      out.op = SCMP_CMP_MASKED_EQ;
      break;
  }
  return out;
}

const char* docker_arch() {
#if defined(__x86_64__)
  return "amd64";
#elif defined(__aarch64__)
  return "arm64";
#elif defined(__riscv)
  return "riscv64";
#elif defined(__s390x__)
  return "s390x";
#elif defined(__powerpc64__)
  return "ppc64le";
#else
  return "other";
#endif
}

std::pair<unsigned, unsigned> version_pair(const std::string& text) {
  const std::vector<std::string> parts = base::split(text, '.');
  const auto part = [&](std::size_t i) {
    return i < parts.size() ? static_cast<unsigned>(std::atoi(parts[i].c_str())) : 0U;
  };
  return {part(0), part(1)};
}

std::pair<unsigned, unsigned> kernel_version() {
  static const auto version = [] {
    utsname name{};
    ::uname(&name);
    return version_pair(name.release);
  }();
  return version;
}

bool applies(const SyscallRule& rule, CapabilitySet capabilities) {
  const auto held = [&](const std::string& name) {
    const auto number = capability_number(name);
    return number && has_capability(capabilities, *number);
  };
  const auto here = [](const std::string& arch) { return arch == docker_arch(); };
  if (!std::all_of(rule.with_caps.begin(), rule.with_caps.end(), held)) return false;
  if (std::any_of(rule.without_caps.begin(), rule.without_caps.end(), held)) return false;
  if (!rule.with_arches.empty() &&
      std::none_of(rule.with_arches.begin(), rule.with_arches.end(), here)) {
    return false;
  }
  if (std::any_of(rule.without_arches.begin(), rule.without_arches.end(), here)) return false;
  return rule.min_kernel.empty() || kernel_version() >= version_pair(rule.min_kernel);
}

void add_rule(const Context& context, std::uint32_t action, const std::string& name,
              const std::vector<scmp_arg_cmp>& arguments) {
  const int number = number_of(name);
  if (number == __NR_SCMP_ERROR)
    return;  // of another architecture, or younger than everything here
  const int result = ::seccomp_rule_add_array(context.get(), action, number,
                                              static_cast<unsigned>(arguments.size()),
                                              arguments.empty() ? nullptr : arguments.data());
  if (result != 0 && result != -EDOM && result != -EEXIST) {
    throw base::SysError(-result, "seccomp_rule_add", name);
  }
}

std::vector<sock_filter> export_filter(const Context& context) {
  const base::Fd file(::memfd_create("seccomp", MFD_CLOEXEC));
  if (!file) base::throw_errno("memfd_create", "seccomp");
  if (const int result = ::seccomp_export_bpf(context.get(), file.get()); result != 0) {
    throw base::SysError(-result, "seccomp_export_bpf", "the system call filter");
  }
  const auto size = static_cast<std::size_t>(::lseek(file.get(), 0, SEEK_END));
  std::vector<sock_filter> out(size / sizeof(sock_filter));
  if (::pread(file.get(), out.data(), size, 0) != static_cast<ssize_t>(size)) {
    base::throw_errno("read", "the system call filter");
  }
  return out;
}

// In front of a filter whose answer to the rest is an errno: numbers that nobody knew when the list
// was written give ENOSYS, for a C library that tries a new call must get the answer of an older
// kernel, not EPERM. Also catches x32's numbers (bit 30).
std::vector<sock_filter> unknown_numbers() {
  constexpr auto kNumber = static_cast<std::uint32_t>(offsetof(seccomp_data, nr));
  const auto refuse = static_cast<std::uint32_t>(SECCOMP_RET_ERRNO | ENOSYS);
  return {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kNumber),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, kLastKnown, 0, 1), BPF_STMT(BPF_RET | BPF_K, refuse),
#if defined(__x86_64__)
        // The hole between the old numbers and the common ones.
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 336, 0, 2),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 424, 1, 0), BPF_STMT(BPF_RET | BPF_K, refuse),
#endif
  };
}

std::vector<sock_filter> compile(const SeccompProfile& profile, CapabilitySet capabilities) {
  const std::uint32_t fallback = action_value(profile.fallback, profile.fallback_errnum);
  const Context context(::seccomp_init(fallback));
  if (!context) throw base::Error("cannot set up the system call filter");
  // no_new_privs is the container's own setting, made by the child; 32-bit calls and other foreign
  // architectures are refused: their socketcall hides the address family from a filter.
  ::seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_NNP, 0);
  ::seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
  ::seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);  // binary tree
  for (const SyscallRule& rule : profile.rules) {
    if (!applies(rule, capabilities)) continue;
    const std::uint32_t action = action_value(rule.action, rule.errnum);
    if (action == fallback) continue;
    std::vector<scmp_arg_cmp> arguments;
    arguments.reserve(rule.arguments.size());
    for (const Argument& argument : rule.arguments) arguments.push_back(argument_value(argument));
    for (const std::string& name : rule.names) add_rule(context, action, name, arguments);
  }
  std::vector<sock_filter> out = export_filter(context);
  if (profile.fallback == Action::Errno) {
    std::vector<sock_filter> guarded = unknown_numbers();
    // The hole and the last number hold for the native architecture only; others are refused
    // anyway.
    guarded.insert(guarded.end(), out.begin(), out.end());
    out = std::move(guarded);
  }
  if (out.size() > BPF_MAXINSNS)
    throw base::Error("the seccomp profile is too large for the kernel");
  return out;
}

// ---- docker's JSON
// ---------------------------------------------------------------------------------

Action parse_action(const std::string& text, const std::string& file) {
  static const std::map<std::string, Action> kActions = {
      {"SCMP_ACT_ALLOW", Action::Allow},
      {"SCMP_ACT_ERRNO", Action::Errno},
      {"SCMP_ACT_KILL", Action::Kill},
      {"SCMP_ACT_KILL_THREAD", Action::Kill},
      {"SCMP_ACT_KILL_PROCESS", Action::KillProcess},
      {"SCMP_ACT_TRAP", Action::Trap},
      {"SCMP_ACT_LOG", Action::Log}};
  const auto at = kActions.find(text);
  if (at == kActions.end()) {
    throw base::Error(base::cat("seccomp profile ", file, ": unknown action \"", text, "\""));
  }
  return at->second;
}

Argument::Compare parse_compare(const std::string& text, const std::string& file) {
  static const std::map<std::string, Argument::Compare> kCompare = {
      {"SCMP_CMP_NE", Argument::Compare::Ne},           {"SCMP_CMP_LT", Argument::Compare::Lt},
      {"SCMP_CMP_LE", Argument::Compare::Le},           {"SCMP_CMP_EQ", Argument::Compare::Eq},
      {"SCMP_CMP_GE", Argument::Compare::Ge},           {"SCMP_CMP_GT", Argument::Compare::Gt},
      {"SCMP_CMP_MASKED_EQ", Argument::Compare::Masked}};
  const auto at = kCompare.find(text);
  if (at == kCompare.end()) {
    throw base::Error(base::cat("seccomp profile ", file, ": unknown comparison \"", text, "\""));
  }
  return at->second;
}

void read_conditions(const nlohmann::json& in, std::vector<std::string>& caps,
                     std::vector<std::string>& arches) {
  base::read_field(in, "caps", caps);
  base::read_field(in, "arches", arches);
}

SyscallRule parse_rule(const nlohmann::json& in, const std::string& file) {
  SyscallRule rule;
  base::read_field(in, "names", rule.names);
  std::string name;
  base::read_field(in, "name", name);
  if (!name.empty()) rule.names.push_back(name);
  rule.action = parse_action(in.at("action").get<std::string>(), file);
  if (const auto at = in.find("errnoRet"); at != in.end() && !at->is_null()) {
    rule.errnum = at->get<unsigned>();
  }
  if (const auto at = in.find("args"); at != in.end() && !at->is_null()) {
    for (const nlohmann::json& item : *at) {
      Argument argument;
      base::read_field(item, "index", argument.index);
      base::read_field(item, "value", argument.value);
      base::read_field(item, "valueTwo", argument.value_two);
      argument.compare = parse_compare(item.at("op").get<std::string>(), file);
      rule.arguments.push_back(argument);
    }
  }
  if (const auto at = in.find("includes"); at != in.end() && at->is_object()) {
    read_conditions(*at, rule.with_caps, rule.with_arches);
    base::read_field(*at, "minKernel", rule.min_kernel);
  }
  if (const auto at = in.find("excludes"); at != in.end() && at->is_object()) {
    read_conditions(*at, rule.without_caps, rule.without_arches);
  }
  return rule;
}

}  // namespace

SeccompProfile parse_profile(const std::string& text, const std::string& file) {
  try {
    const nlohmann::json in = nlohmann::json::parse(text);
    SeccompProfile profile;
    profile.fallback = parse_action(in.at("defaultAction").get<std::string>(), file);
    if (const auto at = in.find("defaultErrnoRet"); at != in.end() && !at->is_null()) {
      profile.fallback_errnum = at->get<unsigned>();
    }
    if (const auto at = in.find("syscalls"); at != in.end() && at->is_array()) {
      for (const nlohmann::json& item : *at) profile.rules.push_back(parse_rule(item, file));
    }
    return profile;
  } catch (const nlohmann::json::exception& error) {
    throw base::Error(base::cat("seccomp profile ", file, " cannot be read: ", error.what()),
                      "it must be a JSON profile in docker's format");
  }
}

const std::vector<sock_filter>* seccomp_filter(const std::string& profile,
                                               CapabilitySet capabilities) {
  if (profile == "unconfined") return nullptr;
  static std::map<std::pair<std::string, CapabilitySet>, std::vector<sock_filter>> cache;
  std::string key = profile;
  std::string text;
  if (!profile.empty()) {
    text = base::read_file(profile, 4U << 20U);
    key = base::cat(profile, "|", base::short_hash(text, 16));  // the file may change while we live
  }
  const auto at = cache.find({key, capabilities});
  if (at != cache.end()) return &at->second;
  std::vector<sock_filter> filter =
      compile(profile.empty() ? default_profile() : parse_profile(text, profile), capabilities);
  return &cache.emplace(std::make_pair(key, capabilities), std::move(filter)).first->second;
}

}  // namespace executor
