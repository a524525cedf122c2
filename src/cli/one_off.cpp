#include "cli/one_off.hpp"

#include <sys/random.h>

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "base/files.hpp"
#include "cli/objects.hpp"
#include "planner/one_off.hpp"
#include "spec/run_words.hpp"
#include "spec/short_forms.hpp"

namespace cli {

namespace {

std::string random_hash() {
  std::array<unsigned char, 6> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    base::throw_errno("getrandom");
  }
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const unsigned char byte : bytes) {
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
  return out;
}

// "cap_net_admin" → "NET_ADMIN", as the stack file's are kept.
std::vector<std::string> capability_names(std::vector<std::string> words) {
  for (std::string& word : words) {
    std::transform(word.begin(), word.end(), word.begin(), [](unsigned char c) {
      return static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    });
    if (base::starts_with(word, "CAP_")) word.erase(0, 4);
  }
  return words;
}

void add_capabilities(spec::Service& service, const RunArgs& args) {
  const auto without = [](std::vector<std::string>& list, const std::vector<std::string>& gone) {
    std::erase_if(list, [&](const std::string& each) {
      return std::find(gone.begin(), gone.end(), each) != gone.end();
    });
  };
  const auto added = capability_names(args.cap_add), dropped = capability_names(args.cap_drop);
  without(service.cap_drop, added);
  without(service.cap_add, dropped);
  service.cap_add.insert(service.cap_add.end(), added.begin(), added.end());
  service.cap_drop.insert(service.cap_drop.end(), dropped.begin(), dropped.end());
}

void set_command(spec::Service& service, const RunArgs& args) {
  if (args.entrypoint) {
    std::vector<std::string> words;
    if (!spec::split_words(*args.entrypoint, words)) {
      throw base::Error(base::cat("--entrypoint: a quote is not closed: ", *args.entrypoint));
    }
    service.entrypoint = std::move(words);
    service.command.emplace();
  }
  if (!args.argv.empty()) service.command = args.argv;
}

void set_environment(spec::Service& service, const OneOffRequest& in) {
  const RunArgs& args = in.args.run;
  for (const std::string& file : args.env_files) {
    const std::string path = base::absolute_path(in.context.cwd, file);
    for (auto& [name, value] : spec::read_env_file(path, in.loaded.environment)) {
      service.environment[name] = value;
    }
  }
  for (const std::string& each : args.environment) {
    const auto equals = each.find('=');
    if (equals == 0) throw base::Error(base::cat("--env: no name in \"", each, "\""));
    const std::string name = each.substr(0, equals);
    if (equals != std::string::npos) {
      service.environment[name] = each.substr(equals + 1);
    } else if (const auto ours = in.loaded.environment.find(name)) {
      service.environment[name] = *ours;
    }
  }
}

void add_mounts(spec::Service& service, const OneOffRequest& in) {
  const auto home = in.context.environment.find("HOME");
  for (spec::Mount& mount :
       spec::parse_mount_words({in.args.run.volumes, in.loaded.stack, in.context.cwd,
                                home == in.context.environment.end() ? "" : home->second})) {
    std::erase_if(service.mounts,
                  [&](const spec::Mount& other) { return other.target == mount.target; });
    service.mounts.push_back(std::move(mount));
  }
}

}  // namespace

std::string one_off_name(const std::string& project, const Arguments& args) {
  if (args.run.name.empty()) {
    return base::cat(project, "-", args.names.front(), "-run-", random_hash());
  }
  check_object_name("container", args.run.name);
  return args.run.name;
}

spec::Service one_off_service(const OneOffRequest& request) {
  const RunArgs& args = request.args.run;
  spec::Service out = request.loaded.stack.services.at(request.args.names.front());
  out.name = planner::one_off_key(out.name);
  out.container_name = request.name;
  out.replicas = 1;
  out.restart = {};
  out.extras.pre_start.clear();
  out.tty = request.tty || (args.detach && out.tty && !args.no_tty);
  // A pipe of ours is its stdin, unless nobody is there.
  out.stdin_open = args.detach && out.stdin_open;
  // The service's own container may hold these.
  for (spec::Attachment& each : out.networks) {
    each.ipv4_address.reset();
    each.ipv6_address.reset();
    each.mac_address.clear();
    if (!args.use_aliases) each.aliases.clear();
  }
  if (!args.service_ports) out.ports.clear();
  for (spec::Port& port : spec::parse_port_words(args.publish)) {
    out.ports.push_back(std::move(port));
  }
  set_command(out, args);
  set_environment(out, request);
  add_mounts(out, request);
  add_capabilities(out, args);
  for (const auto& [name, value] : parse_labels(args.labels)) out.labels[name] = value;
  if (!args.user.empty()) out.user.value = args.user;
  if (!args.working_dir.empty()) out.working_dir = args.working_dir;
  return out;
}

}  // namespace cli
