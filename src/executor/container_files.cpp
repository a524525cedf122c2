#include "executor/container_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/base64.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/sys.hpp"
#include "base/text.hpp"
#include "planner/file_objects.hpp"

namespace executor {

namespace {

using planner::Container;
using planner::FileSpec;

std::string made_files_of(const Container& container, const base::ProjectPaths& paths) {
  return paths.container_run(container.name) + "/files";
}

struct NumberedFile {
  const FileSpec& file;
  FileMount kind;
  std::string path;  // where it is made, or the host's own
};

std::vector<NumberedFile> files_of(const Container& container, const base::ProjectPaths& paths) {
  std::vector<NumberedFile> out;
  const auto add = [&](const std::vector<FileSpec>& files, FileMount kind) {
    for (const FileSpec& file : files) {
      out.push_back({file, kind,
                     file.file.empty() ? base::cat(made_files_of(container, paths), "/", out.size())
                                       : file.file});
    }
  };
  add(container.configs, FileMount::Config);
  add(container.secrets, FileMount::Secret);
  return out;
}

void write_one(const NumberedFile& each) {
  const FileSpec& file = each.file;
  std::string content;
  if (!base::unbase64(file.content, content)) {
    throw base::Error(base::cat("the record of ", file.source, " is damaged"));
  }
  const base::Fd fd = base::sys::open(each.path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  base::sys::write_all(fd.get(), content, each.path);
  // The owner first: a change of it takes bits of the mode away.
  if (::fchown(fd.get(), file.uid, file.gid) != 0) base::throw_errno("chown", each.path);
  if (::fchmod(fd.get(), file.mode) != 0) base::throw_errno("chmod", each.path);
}

// A copy has a bound; what is only bound may be large, or a folder.
planner::World::FileFact look_at(const std::string& path, std::size_t largest) {
  struct ::stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return {"does not exist", {}};
    return {base::cat("cannot be read: ", base::errno_text(errno)), {}};
  }
  const bool copied = largest != 0;
  if (!S_ISREG(info.st_mode) && (copied || !S_ISDIR(info.st_mode))) {
    return {"is not a regular file", {}};
  }
  if (!copied) return {};
  try {
    const std::string content = base::read_start(path, largest + 1);
    if (content.size() > largest) return {base::cat("is larger than ", largest, " bytes"), {}};
    return {{}, base::base64(content)};
  } catch (const base::SysError& error) {
    return {base::cat("cannot be read: ", base::errno_text(error.errnum())), {}};
  }
}

using Largest = std::map<std::string, std::size_t>;  // by path; 0: not copied by anybody

void add_paths(const std::vector<spec::FileReference>& references,
               const std::map<std::string, spec::FileObject>& objects, std::size_t largest,
               Largest& out) {
  for (const spec::FileReference& reference : references) {
    const auto object = objects.find(reference.source);
    if (object == objects.end() || object->second.file.empty()) continue;
    std::size_t& most = out[object->second.file];
    if (planner::is_copied(reference)) most = std::max(most, largest);
  }
}

void gather_recorded(const WorldRequest& request, const spec::Service& service,
                     planner::World& world) {
  planner::World::RecordedFiles& out = world.aside[service.name];
  if (request.recorded == nullptr) return;
  for (const Container& container : request.recorded->containers) {
    const bool is_replica =
        container.service == service.name && container.step == 0 && !container.oneoff;
    // A step of `pre_start` is known by its name; so is the one replica of a service with a name.
    if (service.container_name.empty() ? !is_replica : container.name != service.container_name) {
      continue;
    }
    out = {container.configs, container.secrets};
    return;
  }
}

}  // namespace

void gather_files(const WorldRequest& request, planner::World& world) {
  Largest paths;
  for (const auto& [name, service] : request.stack.services) {
    add_paths(service.extras.configs, request.stack.configs, planner::kLargestConfig, paths);
    add_paths(service.extras.secrets, request.stack.secrets, planner::kLargestSecret, paths);
    const auto& asked = request.services;
    if (asked.empty() || std::find(asked.begin(), asked.end(), name) != asked.end()) continue;
    if (service.extras.configs.empty() && service.extras.secrets.empty()) continue;
    gather_recorded(request, service, world);
  }
  for (const auto& [path, largest] : paths) world.files.emplace(path, look_at(path, largest));
}

void write_files(const Container& container, const base::ProjectPaths& paths) {
  const std::string folder = made_files_of(container, paths);
  base::remove_tree(folder);
  const std::vector<NumberedFile> files = files_of(container, paths);
  const bool some = std::any_of(files.begin(), files.end(),
                                [](const NumberedFile& each) { return each.file.file.empty(); });
  if (!some) return;
  base::sys::make_dir(folder, 0700);
  for (const NumberedFile& each : files) {
    if (each.file.file.empty()) write_one(each);
  }
}

std::vector<PlacedMount> mounts_of(const Container& container, const base::ProjectPaths& paths) {
  std::vector<PlacedMount> out;
  for (const planner::MountSpec& mount : container.mounts) out.push_back({mount, FileMount::None});
  for (const NumberedFile& each : files_of(container, paths)) {
    PlacedMount& added = out.emplace_back();
    added.file = each.kind;
    added.spec.source = each.path;
    added.spec.target = each.file.target;
    added.spec.read_only = true;
    added.spec.create_host_path = false;
  }
  for (PlacedMount& mount : out) mount.spec.target = base::clean_path("/" + mount.spec.target);
  const auto depth = [](const PlacedMount& mount) {
    return std::count(mount.spec.target.begin(), mount.spec.target.end(), '/');
  };
  std::stable_sort(out.begin(), out.end(),
                   [&](const PlacedMount& a, const PlacedMount& b) { return depth(a) < depth(b); });
  return out;
}

}  // namespace executor
