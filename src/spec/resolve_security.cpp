#include "base/files.hpp"
#include "base/text.hpp"
#include "spec/resolve.hpp"

namespace spec {
namespace {

// capabilities(7), Linux 6.x.
const std::vector<std::string>& capability_names() {
  static const std::vector<std::string> names{"ALL",
                                              "AUDIT_CONTROL",
                                              "AUDIT_READ",
                                              "AUDIT_WRITE",
                                              "BLOCK_SUSPEND",
                                              "BPF",
                                              "CHECKPOINT_RESTORE",
                                              "CHOWN",
                                              "DAC_OVERRIDE",
                                              "DAC_READ_SEARCH",
                                              "FOWNER",
                                              "FSETID",
                                              "IPC_LOCK",
                                              "IPC_OWNER",
                                              "KILL",
                                              "LEASE",
                                              "LINUX_IMMUTABLE",
                                              "MAC_ADMIN",
                                              "MAC_OVERRIDE",
                                              "MKNOD",
                                              "NET_ADMIN",
                                              "NET_BIND_SERVICE",
                                              "NET_BROADCAST",
                                              "NET_RAW",
                                              "PERFMON",
                                              "SETFCAP",
                                              "SETGID",
                                              "SETPCAP",
                                              "SETUID",
                                              "SYSLOG",
                                              "SYS_ADMIN",
                                              "SYS_BOOT",
                                              "SYS_CHROOT",
                                              "SYS_MODULE",
                                              "SYS_NICE",
                                              "SYS_PACCT",
                                              "SYS_PTRACE",
                                              "SYS_RAWIO",
                                              "SYS_RESOURCE",
                                              "SYS_TIME",
                                              "SYS_TTY_CONFIG",
                                              "WAKE_ALARM"};
  return names;
}

void read_capabilities(const Node& node, std::string_view key, std::vector<std::string>& out,
                       const Service& service, Report& report) {
  const Node* list = node.find(key);
  if (list == nullptr) return;
  for (const Node& item : list->children) {
    std::string name;
    for (const char c : item.text) name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    if (base::starts_with(name, "CAP_")) name.erase(0, 4);
    bool known = false;
    for (const std::string& candidate : capability_names()) known = known || candidate == name;
    if (!known) {
      report.run_error(
          item.place,
          base::cat("service ", service.name, ": ", key, ": '", item.text, "' is not a capability"),
          suggestion(name, capability_names()));
      continue;
    }
    out.push_back(std::move(name));
  }
}

void one_option(const Node& item, Service& service, const std::string& directory, Report& report) {
  const std::string& text = item.text;
  const std::size_t at = text.find_first_of("=:");
  const std::string name = text.substr(0, at);
  const std::string value = at == std::string::npos ? std::string() : text.substr(at + 1);
  const auto bad = [&](const std::string& why, std::string hint) {
    report.run_error(item.place, base::cat("service ", service.name, ": security_opt: ", why),
                     std::move(hint));
  };
  if (name == "no-new-privileges") {
    if (at != std::string::npos && value != "true" && value != "false") {
      return bad(base::cat("'", text, "': the value is true or false"), {});
    }
    service.security_opt.push_back(text);
  } else if (name == "seccomp") {
    if (value.empty()) return bad("seccomp needs a value", "seccomp=unconfined or seccomp=FILE");
    if (value == "unconfined" || value == "builtin") {
      service.security_opt.push_back(text);
      return;
    }
    const std::string path = base::absolute_path(directory, value);
    if (!base::exists(path)) {
      return bad(base::cat("the seccomp profile ", path, " does not exist"),
                 "the path is relative to the project's folder");
    }
    service.security_opt.push_back(base::cat("seccomp", text.substr(at, 1), path));
  } else if (name == "apparmor" || name == "label" || name == "systempaths" || name == "mask" ||
             name == "unmask" || name == "credentialspec") {
    report.warning(item.place, base::cat("service ", service.name, ": security_opt: ", name,
                                         " has no effect yet"));
    service.security_opt.push_back(text);
  } else {
    bad(base::cat("'", text, "' is not known"),
        suggestion(name, {"no-new-privileges", "seccomp", "apparmor", "label"}));
  }
}

bool namespaced(std::string_view name) {
  return base::starts_with(name, "net.") || base::starts_with(name, "fs.mqueue.") ||
         base::starts_with(name, "kernel.shm") || base::starts_with(name, "kernel.msg") ||
         name == "kernel.sem" || name == "kernel.hostname" || name == "kernel.domainname";
}

void read_sysctls(const Node& node, Service& service, Report& report) {
  const Node* map = node.find("sysctls");
  if (map == nullptr) return;
  for (const Node& child : map->children) {
    bool fine = !child.key.empty() && child.key.find("..") == std::string::npos &&
                child.key.find('.') != std::string::npos;
    for (const char c : child.key) {
      fine = fine && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || c == '.' || c == '-');
    }
    if (!fine) {
      report.run_error(child.key_place,
                       base::cat("service ", service.name, ": sysctls: '", child.key,
                                 "' is not the name of a sysctl"),
                       "for example net.core.somaxconn");
      continue;
    }
    if (child.is_null() || child.text.find('\n') != std::string::npos) {
      report.run_error(child.place, base::cat("service ", service.name, ": sysctls: ", child.key,
                                              " needs a value on one line"));
      continue;
    }
    if (!namespaced(child.key)) {
      report.warning(child.key_place,
                     base::cat("service ", service.name, ": the sysctl ", child.key,
                               " belongs to the whole machine, it is not set"),
                     "set it on the machine; a container has net.*, fs.mqueue.* and the kernel's "
                     "message and shared memory ones");
      continue;
    }
    service.sysctls[child.key] = child.text;
  }
}

}  // namespace

void resolve_security(const Node& node, Service& service, const std::string& directory,
                      Report& report) {
  read_capabilities(node, "cap_add", service.cap_add, service, report);
  read_capabilities(node, "cap_drop", service.cap_drop, service, report);
  if (const Node* options = node.find("security_opt")) {
    for (const Node& item : options->children) one_option(item, service, directory, report);
  }
  read_sysctls(node, service, report);
}

}  // namespace spec
