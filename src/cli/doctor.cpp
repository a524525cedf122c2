// Each mechanism is tried where a try has no effect, and otherwise told from the kernel's version.
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "base/process.hpp"
#include "cli/commands.hpp"
#include "cli/errors.hpp"
#include "cli/table.hpp"
#include "cli/terminal.hpp"
#include "executor/cgroup.hpp"
#include "netfab/ports.hpp"

namespace cli {

namespace {

// Missing: `up` fails. Fallback: works another way, said in the text.
enum class Verdict : std::uint8_t { Ok, Fallback, Missing };
struct Finding {
  std::string name;
  Verdict verdict;
  std::string text;
};

struct Version {
  int major = 0, minor = 0;
  [[nodiscard]] bool at_least(int a, int b) const {
    return major > a || (major == a && minor >= b);
  }
};

Version kernel_version(const std::string& release) {
  Version out;
  std::sscanf(release.c_str(), "%d.%d", &out.major, &out.minor);
  return out;
}

Finding when(const std::string& name, bool ok, const std::string& good,
             const std::string& otherwise, Verdict lacking = Verdict::Fallback) {
  return {name, ok ? Verdict::Ok : lacking, ok ? good : otherwise};
}

Finding check_root() {
  std::uint64_t effective = 0;
  for (const std::string& line : base::split(base::read_file("/proc/self/status"), '\n')) {
    if (base::starts_with(line, "CapEff:"))
      effective = std::strtoull(line.c_str() + 7, nullptr, 16);
  }
  constexpr unsigned kNetAdmin = 12, kSysAdmin = 21, kSysResource = 24;
  const auto has = [&](unsigned bit) { return ((effective >> bit) & 1U) != 0; };
  if (::geteuid() != 0) return {"root", Verdict::Missing, "not root: run stack with sudo"};
  if (!has(kNetAdmin) || !has(kSysAdmin)) {
    return {"root", Verdict::Missing, "root without CAP_NET_ADMIN or CAP_SYS_ADMIN"};
  }
  return when(
      "root", has(kSysResource), "all capabilities needed",
      "without CAP_SYS_RESOURCE: raising a ulimit above ours or lowering oom_score_adj fails");
}

Finding check_pidfd_pin(const Version& kernel) {
  constexpr unsigned kOpenTreeClone = 1;
  const char* fallback = "containers are recognised by pid + start time + boot id";
  const base::PidFd self = base::open_pidfd(::getpid());
  if (!self) return {"pidfd", Verdict::Missing, "pidfd_open does not work (Linux 5.3)"};
  const base::Fd tree(static_cast<int>(
      ::syscall(SYS_open_tree, self.get(), "",
                kOpenTreeClone | O_CLOEXEC | static_cast<unsigned>(AT_EMPTY_PATH))));
  return when(
      "pidfd pin", tree.valid(), "a process can be pinned to a path",
      base::cat(kernel.at_least(6, 14) ? "refused here" : "needs Linux 6.14", ": ", fallback));
}

Finding check_pidfd_info() {
  // struct pidfd_info, first version: Linux 6.13, include/uapi/linux/pidfd.h; exit
  // information 6.15.
  struct Info {
    std::uint64_t mask, cgroupid;
    std::uint32_t words[12];
  } info{};
  static_assert(sizeof(Info) == 64);
  constexpr std::uint64_t kExit = 1U << 3U;
  info.mask = kExit;
  const base::PidFd self = base::open_pidfd(::getpid());
  const bool works = self.valid() && ::ioctl(self.get(), _IOWR(0xFF, 11, Info), &info) == 0;
  utsname name{};
  ::uname(&name);
  const bool exits = works && kernel_version(name.release).at_least(6, 15);
  return when("PIDFD_GET_INFO", exits, "exit codes outlive keeper and supervisor",
              "needs Linux 6.15: an exit code is unknown when keeper and supervisor were both "
              "killed before");
}

void check_cgroups(std::vector<Finding>& out) {
  const auto& host = executor::CgroupHost::get();
  bool v1 = false, v2 = false;
  for (const auto& each : host.hierarchies) {
    (each.v2 ? v2 : v1) = true;
  }
  if (host.hierarchies.empty()) {
    out.push_back({"cgroups", Verdict::Missing, "no cgroup hierarchy is mounted"});
    return;
  }
  out.push_back({"cgroups", Verdict::Ok,
                 host.pure_v2() ? "v2"
                 : v1 && v2     ? "v1, with v2 beside it"
                                : "v1"});
  for (const char* controller : {"memory", "cpu", "cpuset", "pids"}) {
    const auto* found = host.with(controller);
    out.push_back(when(base::cat("controller ", controller), found != nullptr,
                       found != nullptr ? base::cat(found->v2 ? "v2, " : "v1, ", found->mount) : "",
                       "not available: limits of this kind fail"));
  }
  out.push_back(when(
      "cgroup.kill",
      v2 && base::exists("/proc/self/ns/cgroup") &&
          [] {
            utsname name{};
            ::uname(&name);
            return kernel_version(name.release).at_least(5, 14);
          }(),
      "a container is killed with one write",
      "freezer and signals instead (v1, or below Linux 5.14)"));
}

Finding check_overlay() {
  const std::string all = base::read_file("/proc/filesystems");
  return when("overlay", all.find("\toverlay\n") != std::string::npos, "file systems of containers",
              "not in /proc/filesystems: try modprobe overlay", Verdict::Missing);
}

void check_firewall(std::vector<Finding>& out, const Version& kernel) {
  try {
    const std::size_t tables = netfab::observe_tables().size();
    out.push_back({"nf_tables", Verdict::Ok, base::cat("answers; ", tables, " tables of ours")});
  } catch (const base::Error& error) {
    out.push_back({"nf_tables", Verdict::Missing, error.what()});
    return;
  }
  out.push_back(
      when("nft table owner", kernel.at_least(6, 9), "our tables can survive a flushed firewall",
           "owner with persist needs Linux 6.9: a flushed firewall is mended by the supervisor"));
  try {
    if (const auto drop = netfab::forward_drop()) {
      out.push_back(
          {"forward chain", Verdict::Missing,
           base::cat("table ", drop->table, ", chain ", drop->chain, " drops; ", drop->remedy)});
    } else {
      out.push_back({"forward chain", Verdict::Ok, "nobody drops what containers send"});
    }
  } catch (const base::Error& error) {
    out.push_back({"forward chain", Verdict::Fallback, error.what()});
  }
}

Finding check_forwarding() {
  const auto value = base::try_read_file("/proc/sys/net/ipv4/ip_forward");
  const bool on = value && base::trim(*value) == "1";
  return {"ip_forward", Verdict::Ok, on ? "on" : "off; `stack up` turns it on"};
}

Finding check_seccomp() {
  const std::uint32_t action = SECCOMP_RET_ERRNO;
  const bool ok = ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
  return when("seccomp", ok, "filters", "not available: containers cannot be confined",
              Verdict::Missing);
}

Finding check_namespaces() {
  std::vector<std::string> lacking;
  for (const char* kind : {"pid", "mnt", "net", "uts", "ipc", "cgroup"}) {
    if (!base::exists(base::cat("/proc/self/ns/", kind))) lacking.emplace_back(kind);
  }
  return when("namespaces", lacking.empty(), "pid mnt net uts ipc cgroup",
              "missing: " + base::join(lacking, " "), Verdict::Missing);
}

const char* word(Verdict verdict) {
  switch (verdict) {
    case Verdict::Ok:
      return "ok";
    case Verdict::Fallback:
      return "fallback";
    case Verdict::Missing:
      return "missing";
  }
  return "";
}

}  // namespace

int doctor(const Context& context, const Arguments& args) {
  utsname name{};
  ::uname(&name);
  const Version kernel = kernel_version(name.release);
  std::vector<Finding> found;
  found.push_back(when("kernel", kernel.at_least(5, 10), name.release,
                       base::cat(name.release, ": too old, 5.10 is the oldest that works"),
                       Verdict::Missing));
  found.push_back(check_root());
  found.push_back(check_namespaces());
  found.push_back(check_pidfd_pin(kernel));
  found.push_back(check_pidfd_info());
  check_cgroups(found);
  found.push_back(check_overlay());
  check_firewall(found, kernel);
  found.push_back(check_forwarding());
  found.push_back(check_seccomp());
  found.push_back({"data", Verdict::Ok, context.roots.data});
  found.push_back({"runtime", Verdict::Ok, context.roots.run});

  bool missing = false;
  nlohmann::json array = nlohmann::json::array();
  Table table({"WHAT", "STATE", "DETAIL"});
  for (const Finding& each : found) {
    missing = missing || each.verdict == Verdict::Missing;
    table.add({each.name, word(each.verdict), each.text});
    array.push_back({{"what", each.name}, {"state", word(each.verdict)}, {"detail", each.text}});
  }
  write_text(STDOUT_FILENO, args.format == "json" ? array.dump(2) + "\n" : table.str());
  return missing ? kFailed : kDone;
}

}  // namespace cli
