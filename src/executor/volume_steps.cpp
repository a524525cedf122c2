// The mounts of the stack file: binds, named volumes, tmpfs; parents before what lies inside them.
#include <sys/mount.h>

#include <map>

#include "base/error.hpp"
#include "base/text.hpp"
#include "executor/compile.hpp"
#include "executor/container_files.hpp"
#include "executor/launch.hpp"
#include "spec/volume_options.hpp"

namespace executor {

namespace {

std::uint64_t propagation_flags(const std::string& name, const planner::Container& container) {
  static const std::map<std::string, std::uint64_t> kNames = {
      {"", MS_PRIVATE | MS_REC}, {"rprivate", MS_PRIVATE | MS_REC},
      {"private", MS_PRIVATE},   {"rslave", MS_SLAVE | MS_REC},
      {"slave", MS_SLAVE},       {"rshared", MS_SHARED | MS_REC},
      {"shared", MS_SHARED}};
  const auto at = kNames.find(name);
  if (at != kNames.end()) return at->second;
  throw base::Error(base::cat("unknown propagation \"", name, "\"", place_of(container)),
                    "use one of private, rprivate, slave, rslave, shared, rshared");
}

struct TmpfsOptions {
  std::uint64_t flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  std::string data;
};

TmpfsOptions tmpfs_options(const planner::MountSpec& mount) {
  TmpfsOptions out;
  std::string mode = "mode=1777";
  std::vector<std::string> data;
  for (const std::string& word : base::split(mount.tmpfs_options, ',')) {
    if (word.empty() || word == "rw" || word == "tmpcopyup" || word == "notmpcopyup") continue;
    if (word == "ro") {
      out.flags |= MS_RDONLY;
    } else if (word == "exec") {
      out.flags &= ~static_cast<std::uint64_t>(MS_NOEXEC);
    } else if (word == "suid") {
      out.flags &= ~static_cast<std::uint64_t>(MS_NOSUID);
    } else if (word == "dev") {
      out.flags &= ~static_cast<std::uint64_t>(MS_NODEV);
    } else if (word == "noatime") {
      out.flags |= MS_NOATIME;
    } else if (word == "noexec" || word == "nosuid" || word == "nodev") {
      continue;  // already so
    } else if (base::starts_with(word, "mode=")) {
      mode = word;
    } else {
      data.push_back(word);
    }
  }
  if (mount.tmpfs_mode != 0) {
    std::string digits;
    for (std::uint32_t rest = mount.tmpfs_mode; rest != 0; rest >>= 3U) {
      digits.insert(digits.begin(), static_cast<char>('0' + (rest & 7U)));
    }
    mode = "mode=" + digits;
  }
  data.insert(data.begin(), mode);
  if (mount.tmpfs_size != 0) data.push_back(base::cat("size=", mount.tmpfs_size));
  if (mount.read_only) out.flags |= MS_RDONLY;
  out.data = base::join(data, ",");
  return out;
}

}  // namespace

VolumeSteps compile_volumes(ChildProgram& program, const LaunchRequest& request) {
  VolumeSteps out;
  Arena& arena = program.arena;
  for (const auto& [mount, file] : mounts_of(request.container, request.paths)) {
    if (mount.target == "/") {
      throw base::Error(base::cat("a volume cannot be mounted at /", place_of(request.container)));
    }
    const char* target = arena.keep(mount.target);
    if (mount.type == spec::MountType::Tmpfs || mount.device == spec::kTmpfsDevice) {
      const TmpfsOptions options = tmpfs_options(mount);
      Step step;
      step.op = Op::MountFs;
      step.path = target;
      step.text = "tmpfs";
      step.data = arena.keep(options.data);
      step.number = options.flags;
      step.what =
          arena.keep(base::cat("mount tmpfs at ", mount.target, place_of(request.container)));
      out.attach.push_back(step);
      continue;
    }
    const bool is_bind = mount.type == spec::MountType::Bind;
    const std::string source = is_bind ? mount.source : volume_content(mount, request.paths.roots);
    const bool is_file = file != FileMount::None;
    // Where ours lies says nothing to anybody.
    const bool is_made =
        is_file &&
        base::starts_with(source, request.paths.container_run(request.container.name) + "/");
    const char* what = arena.keep(
        is_made ? base::cat(file == FileMount::Secret ? "secret" : "config", " at ", mount.target,
                            place_of(request.container))
        : is_bind
            ? base::cat("bind ", mount.source, " at ", mount.target, place_of(request.container))
            : base::cat("volume ", mount.source,
                        mount.subpath.empty() ? std::string() : "/" + mount.subpath,
                        mount.device.empty() ? std::string() : base::cat(" (", mount.device, ")"),
                        " at ", mount.target, place_of(request.container)));
    const std::uint64_t propagation = is_bind
                                          ? propagation_flags(mount.propagation, request.container)
                                          : static_cast<std::uint64_t>(MS_PRIVATE);
    Step open;
    open.op = Op::OpenTree;
    open.slot = program.new_slot();
    open.path = arena.keep(source);
    open.text = mount.subpath.empty() ? nullptr : arena.keep(mount.subpath);
    open.what = what;
    const bool deep = is_bind || mount.recursive;
    open.number =
        (deep ? kTreeRecursive : 0) | (is_bind && mount.create_host_path ? kTreeCreate : 0);
    const bool linked = (propagation & MS_PRIVATE) == 0;
    (linked ? out.open_early : out.open).push_back(open);

    if (!is_bind && !mount.nocopy && mount.subpath.empty()) {
      Step seed;
      seed.op = Op::SeedVolume;
      seed.slot = open.slot;
      seed.path = target;
      seed.what = arena.keep(base::cat("copy ", mount.target, " of the image into volume ",
                                       mount.source, place_of(request.container)));
      out.attach.push_back(seed);
    }
    Step attach;
    attach.op = Op::Attach;
    attach.slot = open.slot;
    attach.path = target;
    attach.number = (deep ? kTreeRecursive : 0) | (mount.read_only ? kTreeReadOnly : 0);
    // A config may be a script; nobody runs a secret.
    if (is_file) attach.number |= kTreeNoDev | kTreeNoSuid;
    if (file == FileMount::Secret) attach.number |= kTreeNoExec;
    attach.high = linked ? propagation : 0;
    attach.what = what;
    out.attach.push_back(attach);
  }
  return out;
}

}  // namespace executor
