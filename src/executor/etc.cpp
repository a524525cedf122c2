// The three files of /etc that are the container's own.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/sys.hpp"
#include "base/text.hpp"
#include "executor/launch.hpp"
#include "executor/look.hpp"

namespace executor {

namespace {

bool has_address_at_home(const std::string& line) {
  return base::starts_with(line, "127.") || base::starts_with(line, "::1");
}

std::string hosts_text(const planner::Container& container, const std::vector<std::string>& hosts) {
  std::string out =
      "127.0.0.1 localhost\n"
      "::1 localhost ip6-localhost ip6-loopback\n";
  std::string names = container.hostname;
  if (!container.hostname.empty() && !container.domainname.empty()) {
    names = base::cat(container.hostname, ".", container.domainname, " ", container.hostname);
  }
  bool own = false;
  if (!names.empty()) {
    for (const planner::EndpointSpec& endpoint : container.endpoints) {
      for (const base::Cidr& address : endpoint.link.addresses) {
        out += base::cat(address.address.str(), " ", names, "\n");
        own = true;
      }
    }
    // Without a network of its own the container must still find itself by name.
    if (!own && container.network != planner::NetworkKind::Host) {
      out += base::cat("127.0.0.1 ", names, "\n");
    }
  }
  for (const std::string& line : hosts) out += line + "\n";
  for (const std::string& entry : container.extra_hosts) {
    const std::size_t cut = entry.find('=');
    if (cut == std::string::npos) continue;
    const std::string line = base::cat(entry.substr(cut + 1), " ", entry.substr(0, cut));
    if (std::find(hosts.begin(), hosts.end(), line) == hosts.end()) out += line + "\n";
  }
  return out;
}

// The machine's own, without name servers on its loopback: the container's loopback is another one.
std::string host_resolv_conf() {
  std::string out;
  bool server = false;
  for (const std::string& line :
       base::split(base::try_read_file("/etc/resolv.conf").value_or(""), '\n')) {
    const std::string text(base::trim(line));
    if (base::starts_with(text, "nameserver")) {
      if (has_address_at_home(std::string(base::trim(text.substr(10))))) continue;
      server = true;
    }
    if (!text.empty()) out += text + "\n";
  }
  return server ? out : std::string();
}

bool is_on_our_network(const planner::Container& container) {
  return container.network == planner::NetworkKind::Own ||
         container.network == planner::NetworkKind::Container;
}

std::string resolv_text(const planner::Container& container) {
  std::string out;
  switch (container.network) {
    case planner::NetworkKind::Own:
    case planner::NetworkKind::Container:
      // Our DNS forwards to `dns:` or the machine's servers by itself.
      out = "nameserver 127.0.0.11\n";
      break;
    case planner::NetworkKind::Host:
      if (container.dns.empty()) {
        out = base::try_read_file("/etc/resolv.conf").value_or("");
      } else {
        for (const std::string& server : container.dns)
          out += base::cat("nameserver ", server, "\n");
      }
      break;
    case planner::NetworkKind::None:
      out = host_resolv_conf();
      break;
  }
  if (!out.empty() && out.back() != '\n') out += '\n';
  if (!container.dns_search.empty()) {
    out += base::cat("search ", base::join(container.dns_search, " "), "\n");
  }
  std::vector<std::string> options = container.dns_opt;
  if (options.empty() && container.network == planner::NetworkKind::Own) options = {"ndots:0"};
  if (!options.empty()) out += base::cat("options ", base::join(options, " "), "\n");
  return out;
}

std::string added_resolv_text(const planner::Container& container) {
  if (!is_on_our_network(container)) return {};
  return inherited_resolv_lines(container,
                                base::try_read_file("/etc/resolv.conf").value_or(std::string()));
}

// In place when it exists: a running container has this very inode mounted. One write over the old
// text, padded to its length with blank lines, and only then the cut: no reader ever finds the file
// empty or a half of the new text.
void write_in_place(const std::string& path, const std::string& text) {
  const auto old = base::try_read_file(path);
  if (old == text) return;
  if (!old) {
    // Nobody reads it yet; one that was left half-written is mended by the next start, like any
    // other.
    const base::Fd fd = base::sys::open(path, O_WRONLY | O_CREAT | O_NOFOLLOW, 0644);
    if (::fchmod(fd.get(), 0644) != 0) base::throw_errno("chmod", path);
    base::sys::write_all(fd.get(), text, path);
    return;
  }
  std::string padded = text;
  if (padded.size() < old->size()) padded.resize(old->size(), '\n');
  const base::Fd fd = base::sys::open(path, O_WRONLY | O_NOFOLLOW);
  const ssize_t done = ::pwrite(fd.get(), padded.data(), padded.size(), 0);
  if (done != static_cast<ssize_t>(padded.size())) base::throw_errno("write", path);
  if (padded.size() != text.size() && ::ftruncate(fd.get(), static_cast<off_t>(text.size())) != 0) {
    base::throw_errno("truncate", path);
  }
}

struct EtcFile {
  const char* name;
  std::string text;
};

// What can be compared later: what is passed on of the machine's own resolv.conf may change.
std::vector<EtcFile> fixed_files(const planner::Container& container) {
  std::vector<EtcFile> out{{"hosts", hosts_text(container, {})},
                           {"hostname", container.hostname + "\n"}};
  if (is_on_our_network(container)) out.push_back({"resolv.conf", resolv_text(container)});
  return out;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out = base::split(text, '\n');
  std::erase(out, std::string());
  return out;
}

std::vector<std::string> missing_in(const std::string& found, const std::string& wanted) {
  if (found == wanted || base::starts_with(found, wanted)) return {};
  const std::vector<std::string> have = lines_of(found);
  std::vector<std::string> out = lines_of(wanted);
  std::erase_if(out, [&have](const std::string& line) {
    return std::find(have.begin(), have.end(), line) != have.end();
  });
  return out;
}

bool is_untouched(const std::string& path, std::size_t size,
                  std::chrono::system_clock::time_point since) {
  struct ::stat info {};
  if (::lstat(path.c_str(), &info) != 0 || static_cast<std::size_t>(info.st_size) < size) {
    return false;
  }
  const auto written =
      std::chrono::seconds(info.st_mtim.tv_sec) + std::chrono::nanoseconds(info.st_mtim.tv_nsec);
  return written < since.time_since_epoch();
}

}  // namespace

std::string inherited_resolv_lines(const planner::Container& container,
                                   const std::string& host_resolv_conf) {
  std::vector<std::string> search, options;
  for (const std::string& line : base::split(host_resolv_conf, '\n')) {
    std::istringstream in(line);
    std::string key, word;
    in >> key;
    if (key != "search" && key != "domain" && key != "options") continue;
    std::vector<std::string>& out = key == "options" ? options : search;
    if (key != "options") out.clear();  // the last one holds
    while (in >> word) out.push_back(word);
  }
  std::string out;
  if (container.dns_search.empty() && !search.empty()) {
    out += base::cat("search ", base::join(search, " "), "\n");
  }
  if (container.dns_opt.empty() && !options.empty()) {
    out += base::cat("options ", base::join(options, " "), "\n");
  }
  return out;
}

std::vector<netfab::Difference> etc_differences(const planner::Container& container,
                                                const base::ProjectPaths& paths,
                                                std::chrono::system_clock::time_point since) {
  std::vector<netfab::Difference> out;
  const std::string etc = paths.container_run(container.name) + "/etc/";
  for (const EtcFile& file : fixed_files(container)) {
    if (is_untouched(etc + file.name, file.text.size(), since)) continue;
    const auto found = read_small(etc + file.name);
    const std::vector<std::string> missing = missing_in(found.value_or(std::string()), file.text);
    if (missing.empty() && found) continue;
    out.push_back({base::cat("/etc/", file.name), base::join(missing, "; "),
                   !found           ? "not there"
                   : found->empty() ? "empty"
                                    : "lines of ours are missing"});
  }
  return out;
}

void mend_etc(const planner::Container& container, const base::ProjectPaths& paths) {
  const std::string etc = paths.container_run(container.name) + "/etc/";
  for (const EtcFile& file : fixed_files(container)) {
    const auto found = base::try_read_file(etc + file.name);
    if (found && missing_in(*found, file.text).empty()) continue;
    std::string text = file.text;
    if (file.name == std::string_view("resolv.conf")) text += added_resolv_text(container);
    const std::vector<std::string> ours = lines_of(text);
    for (const std::string& line : lines_of(found.value_or(std::string()))) {
      if (std::find(ours.begin(), ours.end(), line) == ours.end()) text += line + "\n";
    }
    write_in_place(etc + file.name, text);
  }
}

void write_etc(const planner::Container& container, const base::ProjectPaths& paths,
               const std::vector<std::string>& hosts) {
  const std::string etc = paths.container_run(container.name) + "/etc";
  write_in_place(etc + "/hosts", hosts_text(container, hosts));
  write_in_place(etc + "/hostname", container.hostname + "\n");
  // Ours first: an `ndots` of the machine's holds, as with docker.
  write_in_place(etc + "/resolv.conf", resolv_text(container) + added_resolv_text(container));
}

}  // namespace executor
