#include "executor/capabilities.hpp"

#include <linux/capability.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/error.hpp"
#include "base/text.hpp"

namespace executor {

namespace {

// In the order of their numbers.
constexpr std::array<const char*, 41> kNames = {"CHOWN",
                                                "DAC_OVERRIDE",
                                                "DAC_READ_SEARCH",
                                                "FOWNER",
                                                "FSETID",
                                                "KILL",
                                                "SETGID",
                                                "SETUID",
                                                "SETPCAP",
                                                "LINUX_IMMUTABLE",
                                                "NET_BIND_SERVICE",
                                                "NET_BROADCAST",
                                                "NET_ADMIN",
                                                "NET_RAW",
                                                "IPC_LOCK",
                                                "IPC_OWNER",
                                                "SYS_MODULE",
                                                "SYS_RAWIO",
                                                "SYS_CHROOT",
                                                "SYS_PTRACE",
                                                "SYS_PACCT",
                                                "SYS_ADMIN",
                                                "SYS_BOOT",
                                                "SYS_NICE",
                                                "SYS_RESOURCE",
                                                "SYS_TIME",
                                                "SYS_TTY_CONFIG",
                                                "MKNOD",
                                                "LEASE",
                                                "AUDIT_WRITE",
                                                "AUDIT_CONTROL",
                                                "SETFCAP",
                                                "MAC_OVERRIDE",
                                                "MAC_ADMIN",
                                                "SYSLOG",
                                                "WAKE_ALARM",
                                                "BLOCK_SUSPEND",
                                                "AUDIT_READ",
                                                "PERFMON",
                                                "BPF",
                                                "CHECKPOINT_RESTORE"};

constexpr CapabilitySet bit(unsigned number) {
  return CapabilitySet{1} << number;
}

std::string bare_name(const std::string& name) {
  std::string out;
  for (const char c : name) out += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  if (base::starts_with(out, "CAP_")) out.erase(0, 4);
  return out;
}

unsigned require(const std::string& name) {
  const auto number = capability_number(name);
  if (number) return *number;
  const std::vector<std::string> known(kNames.begin(), kNames.end());
  throw base::Error(base::cat("unknown capability \"", name, "\"",
                              base::did_you_mean(name, base::nearest(bare_name(name), known))),
                    "see `man 7 capabilities` for the names");
}

bool has_all(const std::vector<std::string>& names) {
  return std::any_of(names.begin(), names.end(),
                     [](const std::string& name) { return bare_name(name) == "ALL"; });
}

}  // namespace

std::optional<unsigned> capability_number(const std::string& name) {
  const std::string wanted = bare_name(name);
  for (unsigned i = 0; i < kNames.size(); ++i) {
    if (wanted == kNames[i]) return i;
  }
  return {};
}

CapabilitySet all_capabilities() {
  static const CapabilitySet set = [] {
    CapabilitySet out = 0;
    for (unsigned i = 0; i < 64; ++i) {
      const int held = ::prctl(PR_CAPBSET_READ, i, 0, 0, 0);
      if (held < 0) break;
      if (held == 1) out |= bit(i);
    }
    return out;
  }();
  return set;
}

CapabilitySet default_capabilities() {
  return bit(CAP_CHOWN) | bit(CAP_DAC_OVERRIDE) | bit(CAP_FOWNER) | bit(CAP_FSETID) |
         bit(CAP_KILL) | bit(CAP_NET_BIND_SERVICE) | bit(CAP_SETFCAP) | bit(CAP_SETGID) |
         bit(CAP_SETPCAP) | bit(CAP_SETUID) | bit(CAP_SYS_CHROOT);
}

CapabilitySet resolve_capabilities(const CapabilityRequest& request) {
  CapabilitySet set = default_capabilities() & all_capabilities();
  if (has_all(request.drop)) set = 0;
  if (has_all(request.add) || request.privileged) set = all_capabilities();
  for (const std::string& name : request.add) {
    if (bare_name(name) == "ALL") continue;
    const CapabilitySet one = bit(require(name));
    if ((one & all_capabilities()) == 0) {
      throw base::Error(
          base::cat("cap_add ", bare_name(name), ": this machine does not let us give it"),
          "the capability is missing from the bounding set of the process that runs "
          "the stack (see CapBnd in /proc/self/status)");
    }
    set |= one;
  }
  for (const std::string& name : request.drop) {
    if (bare_name(name) != "ALL") set &= ~bit(require(name));
  }
  return set;
}

}  // namespace executor
