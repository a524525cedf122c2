#include "base/files.hpp"
#include "base/text.hpp"
#include "spec/resolve.hpp"
#include "spec/units.hpp"
#include "spec/volume_options.hpp"

namespace spec {
namespace {

void read_details(const Node& item, Mount& mount) {
  if (const Node* bind = item.find("bind")) {
    if (const Node* create = bind->find("create_host_path")) {
      mount.create_host_path = create->is_true();
    }
    if (const std::string text = bind->text_of("propagation"); !text.empty()) {
      mount.propagation = text;
    }
  }
  if (const Node* volume = item.find("volume")) {
    if (const Node* nocopy = volume->find("nocopy")) mount.nocopy = nocopy->is_true();
    mount.subpath = volume->text_of("subpath");
  }
  if (const Node* tmpfs = item.find("tmpfs")) {
    mount.tmpfs_size = base::parse_uint(tmpfs->text_of("size")).value_or(0);
    mount.tmpfs_mode =
        static_cast<std::uint32_t>(base::parse_uint(tmpfs->text_of("mode")).value_or(0) & 07777U);
  }
}

void check_volume(const Node& item, const Mount& mount, const Service& service, Resolving& in) {
  if (mount.source.empty() || in.stack.volumes.count(mount.source) != 0) return;
  std::vector<std::string> names;
  for (const auto& [key, volume] : in.stack.volumes) names.push_back(key);
  std::string hint = suggestion(mount.source, names);
  if (hint.empty()) {
    hint = base::cat("add it below the top level key volumes, or write ./", mount.source,
                     " for a folder");
  }
  const Node* source = item.find("source");
  in.report.error(
      source != nullptr ? source->place : item.place,
      base::cat("service ", service.name, ": the volume '", mount.source, "' is not defined"),
      std::move(hint));
}

void check_tmpfs_option(std::string_view option, const Node& item, const Service& service,
                        Report& report) {
  if (is_tmpfs_option(option)) return;
  report.run_error(
      item.place,
      base::cat("service ", service.name, ": tmpfs: the option '", option, "' is not known"),
      "size=64m, mode=1777, uid=, gid=, noexec and the like");
}

}  // namespace

void resolve_mounts(const Node& node, Service& service, Resolving& in) {
  const auto push = [&](Mount mount, Place place) {
    if (mount.target.empty() || mount.target[0] != '/') {
      in.report.run_error(
          place,
          base::cat("service ", service.name, ": the mount path '", mount.target,
                    "' is not absolute"),
          mount.target.size() > 1 && mount.target[1] == ':'
              ? "a single letter before a colon reads as a drive: give the volume a "
                "longer name, or write the long form"
              : "the path inside the container begins with /");
      return;
    }
    mount.target = base::clean_path(mount.target);
    if (mount.target == "/") {
      in.report.run_error(place, base::cat("service ", service.name,
                                           ": nothing can be mounted over / of a container"));
      return;
    }
    if (is_kernels_own(mount.target)) {
      in.report.run_error(place,
                          base::cat("service ", service.name, ": ", mount.target,
                                    " is the kernel's, nothing can be mounted there"),
                          "mount it somewhere else, such as /host/proc");
      return;
    }
    if (mount.target == "/sys" || mount.target == "/dev") {
      in.report.warning(place,
                        base::cat("service ", service.name,
                                  ": this mount hides the container's own ", mount.target),
                        base::cat("programs inside may miss what belongs there; /host",
                                  mount.target, " does not hide it"));
    }
    service.mounts.push_back(std::move(mount));
  };
  if (const Node* volumes = node.find("volumes")) {
    for (const Node& item : volumes->children) {
      Mount mount;
      mount.place = item.place;
      const std::string type = item.text_of("type");
      mount.source = item.text_of("source");
      mount.target = item.text_of("target");
      mount.read_only = item.find("read_only") != nullptr && item.find("read_only")->is_true();
      read_details(item, mount);
      if (type == "bind") {
        mount.type = MountType::Bind;
        mount.source = base::clean_path(mount.source);
      } else if (type == "tmpfs") {
        mount.type = MountType::Tmpfs;
      } else if (type == "volume") {
        check_volume(item, mount, service, in);
      } else {
        in.report.warning(item.place, base::cat("service ", service.name, ": a volume of type ",
                                                type, " has no effect yet"));
        continue;
      }
      const Place place = item.find("target") != nullptr ? item.find("target")->place : item.place;
      push(std::move(mount), place);
    }
  }
  if (const Node* tmpfs = node.find("tmpfs")) {
    for (const Node& item : tmpfs->children) {
      Mount mount;
      mount.type = MountType::Tmpfs;
      mount.place = item.place;
      const std::size_t colon = item.text.find(':');
      mount.target = item.text.substr(0, colon);
      if (colon != std::string::npos) mount.tmpfs_options = item.text.substr(colon + 1);
      for (const std::string& option : base::split(mount.tmpfs_options, ',')) {
        if (option.empty()) continue;
        check_tmpfs_option(option, item, service, in.report);
        if (base::starts_with(option, "size=")) {
          const auto bytes = parse_bytes(std::string_view(option).substr(5));
          if (bytes && *bytes > 0) mount.tmpfs_size = static_cast<std::uint64_t>(*bytes);
        }
        if (option == "ro") mount.read_only = true;
      }
      push(std::move(mount), item.place);
    }
  }
}

}  // namespace spec
