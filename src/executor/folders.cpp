// The folders of a container and of a volume, made and removed.
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "base/sys.hpp"
#include "base/text.hpp"
#include "executor/launch.hpp"
#include "executor/process_pin.hpp"
#include "spec/volume_options.hpp"

namespace executor {

namespace {

using Texts = std::map<std::string, std::string>;

void write_map(const std::string& file, const Texts& texts) {
  if (texts.empty()) {
    if (::unlink(file.c_str()) != 0 && errno != ENOENT) base::throw_errno("unlink", file);
    return;
  }
  base::write_atomic(file, nlohmann::json(texts).dump());
}

Texts read_map(const std::string& file) {
  const auto text = base::try_read_file(file);
  if (!text) return {};
  const auto in = nlohmann::json::parse(*text, nullptr, false);
  try {
    return in.get<std::map<std::string, std::string>>();
  } catch (const nlohmann::json::exception&) {
    return {};
  }
}

}  // namespace

std::string volume_dir(const std::string& name, const base::Roots& roots) {
  if (name.empty() || name.find('/') != std::string::npos || name.front() == '.') {
    throw base::Error(base::cat("\"", name, "\" is not a volume's name"));
  }
  return base::cat(roots.volumes(), "/", name);
}

std::string volume_content(const planner::MountSpec& mount, const base::Roots& roots) {
  return mount.device.empty() ? volume_dir(mount.source, roots) + "/_data" : mount.device;
}

std::string volume_content(const std::string& name, const base::Roots& roots) {
  const std::string device = spec::read_volume_options(volume_options(name, roots)).place.device;
  return base::starts_with(device, "/") ? device : volume_dir(name, roots) + "/_data";
}

void make_container_dirs(const planner::Container& container, const base::ProjectPaths& paths) {
  const std::string data = paths.container_data(container.name);
  const std::string run = paths.container_run(container.name);
  base::sys::make_dirs(data, 0700);
  // The container's root folder has the mode of the upper one.
  base::sys::make_dir(data + "/upper", 0755);
  base::sys::make_dir(data + "/work", 0700);
  base::sys::make_dir(paths.log_dir(container.name), 0700);
  base::sys::make_dirs(run, 0700);
  base::sys::make_dir(run + "/etc", 0755);
  base::sys::make_dir(run + "/rootfs", 0755);
}

void remove_container_dirs(const std::string& name, const base::ProjectPaths& paths) {
  base::remove_tree(paths.container_data(name));
  unpin_process(process_pin(paths, name));
  base::remove_tree(paths.container_run(name));
}

void ensure_volume(const planner::Volume& volume, const base::Roots& roots) {
  const std::string dir = volume_dir(volume.name, roots);
  const std::string content = dir + "/_data";
  if (base::is_directory(content)) return;
  if (volume.external) {
    throw base::Error(base::cat("external volume ", volume.name, " does not exist"),
                      base::cat("make it with `stack volume create ", volume.name, "`"));
  }
  base::sys::make_dirs(dir, 0700);
  describe_volume(volume, roots);
  // Last: a folder without it is no volume yet.
  base::sys::make_dir(content, 0755);
}

void describe_volume(const planner::Volume& volume, const base::Roots& roots) {
  const std::string dir = volume_dir(volume.name, roots);
  write_map(dir + "/labels.json", volume.labels);
  write_map(dir + "/options.json", volume.driver_opts);
}

std::map<std::string, std::string> volume_labels(const std::string& name,
                                                 const base::Roots& roots) {
  return read_map(volume_dir(name, roots) + "/labels.json");
}

std::map<std::string, std::string> volume_options(const std::string& name,
                                                  const base::Roots& roots) {
  return read_map(volume_dir(name, roots) + "/options.json");
}

void remove_volume(const std::string& name, const base::Roots& roots) {
  base::remove_tree(volume_dir(name, roots));
}

std::vector<std::string> list_volumes(const base::Roots& roots) {
  std::vector<std::string> out;
  for (const std::string& name : base::list_dir(roots.volumes())) {
    if (name.front() != '.' &&
        base::is_directory(base::cat(roots.volumes(), "/", name, "/_data"))) {
      out.push_back(name);
    }
  }
  return out;
}

}  // namespace executor
