#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <set>
#include <utility>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "cli/commands.hpp"
#include "cli/errors.hpp"
#include "cli/image_use.hpp"
#include "cli/objects.hpp"
#include "cli/table.hpp"
#include "cli/terminal.hpp"
#include "executor/launch.hpp"
#include "image/store.hpp"

namespace cli {

namespace {

constexpr unsigned kMaxDepth = 200;

// Blocks on disk, each inode once. Containers write there while we look: what vanishes counts
// nothing.
std::uint64_t size_below(const std::string& path, std::set<std::pair<dev_t, ino_t>>& seen,
                         unsigned depth) {
  struct stat info {};
  if (depth > kMaxDepth || ::lstat(path.c_str(), &info) != 0) return 0;
  std::uint64_t out = static_cast<std::uint64_t>(info.st_blocks) * 512;
  if (!S_ISDIR(info.st_mode)) {
    return info.st_nlink > 1 && !seen.emplace(info.st_dev, info.st_ino).second ? 0 : out;
  }
  try {
    for (const std::string& name : base::list_dir(path))
      out += size_below(base::cat(path, "/", name), seen, depth + 1);
  } catch (const base::SysError&) {
    return out;
  }
  return out;
}

std::uint64_t size_of(const std::string& path) {
  std::set<std::pair<dev_t, ino_t>> seen;
  return size_below(path, seen, 0);
}

struct Line {
  std::string type;
  std::size_t total = 0, active = 0;
  std::uint64_t size = 0, reclaimable = 0;
};

Line images_line(const Context& context) {
  const image::Store store(context.roots);
  const auto used = used_images(context);
  const image::Store::Usage usage = store.usage();
  Line out{"Images", usage.image_count, 0, usage.layers + usage.blobs + usage.partials, 0};
  std::set<image::Digest> kept;
  std::uint64_t needed = 0;
  for (const image::StoredImage& image : store.images()) {
    if (used.count(image.id) == 0) continue;
    ++out.active;
    for (const image::StoredLayer& layer : image.layers) {
      if (kept.insert(layer.chain_id).second) needed += layer.size + layer.blob_size;
    }
  }
  out.reclaimable = out.size > needed ? out.size - needed : 0;
  return out;
}

Line containers_line(const Context& context) {
  Line out{"Containers", 0, 0, 0, 0};
  for (const executor::KnownStack& known : executor::known_stacks(context.roots)) {
    const base::ProjectPaths paths(context.roots, known.project);
    out.active += known.running;
    for (const std::string& name : base::list_dir(paths.data + "/containers")) {
      ++out.total;
      out.size += size_of(paths.container_data(name));
    }
  }
  return out;
}

Line volumes_line(const Context& context) {
  Line out{"Volumes", 0, 0, 0, 0};
  const auto used = objects_in_use(context, ObjectKind::Volume);
  for (const std::string& name : executor::list_volumes(context.roots)) {
    const std::uint64_t size = size_of(base::cat(context.roots.volumes(), "/", name));
    ++out.total;
    out.size += size;
    if (used.count(name) != 0) {
      ++out.active;
    } else {
      out.reclaimable += size;
    }
  }
  return out;
}

}  // namespace

int df(const Context& context, const Arguments& args) {
  Table table({"TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE"});
  std::string lines;
  for (const Line& line : {images_line(context), containers_line(context), volumes_line(context)}) {
    table.add({line.type, std::to_string(line.total), std::to_string(line.active),
               base::human_size(line.size), base::human_size(line.reclaimable)});
    lines += nlohmann::json{{"Type", line.type},
                            {"TotalCount", line.total},
                            {"Active", line.active},
                            {"Size", line.size},
                            {"Reclaimable", line.reclaimable}}
                 .dump() +
             "\n";
  }
  write_text(STDOUT_FILENO, args.format == "json" ? lines : table.str());
  return kDone;
}

}  // namespace cli
