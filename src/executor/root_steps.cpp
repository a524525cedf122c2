// The container's file system as a list of steps: overlay, pivot, image binds, kernel file systems,
// /dev, volumes, /etc files of ours, then what is hidden and locked.
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "executor/cgroup.hpp"
#include "executor/compile.hpp"
#include "executor/container_files.hpp"
#include "executor/devices.hpp"

namespace executor {

namespace {

// Podman's lists and docker's newer additions.
constexpr std::array kMasked = {
    "/proc/acpi",       "/proc/asound",        "/proc/interrupts",  "/proc/kcore",
    "/proc/keys",       "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi",
    "/proc/timer_list", "/proc/timer_stats",   "/sys/dev/block",    "/sys/devices/virtual/powercap",
    "/sys/firmware",    "/sys/fs/selinux"};
constexpr std::array kReadOnly = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                                  "/proc/sysrq-trigger"};

std::string escape_layer(const std::string& path) {
  std::string out;
  for (const char c : path) {
    if (c == '\\' || c == ':' || c == ',') out += '\\';
    out += c;
  }
  return out;
}

bool lies_in(const std::string& path, const std::string& folder) {
  return path == folder || base::starts_with(path, folder + "/");
}

// The folder that all lie in, two levels up (LAYERS/ID/fs); "" when they do not, or when its name
// needed escaping.
std::string common_folder(const std::vector<std::string>& layers) {
  std::string out = base::parent_dir(base::parent_dir(layers.front()));
  if (out.find('\\') != std::string::npos || out == "/") return {};
  for (const std::string& layer : layers) {
    if (!lies_in(layer, out)) return {};
  }
  return out;
}

void add_overlay(ChildProgram& program, const LaunchRequest& request) {
  const std::string data = request.paths.container_data(request.container.name);
  const std::string where = request.paths.container_run(request.container.name) + "/rootfs";
  const std::string upper = data + "/upper";
  const std::string work = data + "/work";
  if (request.rootfs.lower.empty()) {
    throw base::Error(base::cat("image ", request.container.image, " has no layers"));
  }
  std::vector<std::string> escaped;
  for (const std::string& layer : request.rootfs.lower) {
    if (base::clean_path(layer) == "/" ||
        lies_in(base::clean_path(upper), base::clean_path(layer))) {
      throw base::Error(base::cat("image ", request.container.image, ": ", layer,
                                  " cannot be a layer: the stack's own data lies inside it",
                                  place_of(request.container)),
                        "use a root file system in a folder of its own");
    }
    escaped.push_back(escape_layer(layer));
  }
  const std::string what =
      base::cat("mount the root file system of image ", request.container.image);
  const auto options = [&](const std::vector<std::string>& layers) {
    return base::cat("lowerdir=", base::join(layers, ":"), ",upperdir=", escape_layer(upper),
                     ",workdir=", escape_layer(work));
  };
  const auto fits = [](const std::string& text) {
    return text.size() + 1 < static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  };
  std::string text = options(escaped);
  const std::string folder = common_folder(escaped);
  const bool relative = !fits(text) && !folder.empty();
  if (relative) {
    // Layers of the store, written shorter: only from 6.8 on can each be given by itself.
    for (std::string& layer : escaped) layer.erase(0, folder.size() + 1);
    text = options(escaped);
  }
  Step& mount = program.add(fits(text) ? Op::MountOverlay : Op::MountLayers, what);
  mount.path = program.arena.keep(where);
  if (fits(text)) {
    mount.data = program.arena.keep(text);
    if (relative) mount.text = program.arena.keep(folder);
  } else {
    program.layers = program.arena.keep_all(request.rootfs.lower);
    program.upper = program.arena.keep(upper);
    program.work = program.arena.keep(work);
  }
  program.add(Op::Pivot, "change to the new root").path = mount.path;
}

Step& add_fs(ChildProgram& program, const char* type, const char* path, std::uint64_t flags,
             const char* data) {
  Step& step = program.add(Op::MountFs, base::cat("mount ", type, " at ", path));
  step.path = path;
  step.text = type;
  step.data = data;
  step.number = flags;
  step.mode = 1;  // not through a link
  return step;
}

struct OpenedTree {
  int slot = -1;
  std::string target, what;
  std::uint64_t flags = 0;
  Op op = Op::Attach;
};

OpenedTree open_tree(ChildProgram& program, const std::string& source, const std::string& target) {
  OpenedTree out;
  out.slot = program.new_slot();
  out.target = target;
  out.what = base::cat("bind ", source, " at ", target);
  Step& step = program.add(Op::OpenTree, out.what);
  step.slot = out.slot;
  step.path = program.arena.keep(source);
  return out;
}

void attach(ChildProgram& program, const OpenedTree& tree) {
  Step& step = program.add(tree.op, tree.what);
  step.slot = tree.slot;
  step.path = program.arena.keep(tree.target);
  step.number = tree.flags;
}

// What programs look up to size themselves (v1). Binds of the container's own groups: a new mount
// of each hierarchy would make a super block a controller.
std::vector<OpenedTree> open_cgroups(ChildProgram& program, const LaunchRequest& request) {
  std::vector<OpenedTree> out;
  const CgroupHost& host = CgroupHost::get();
  const std::string path = request.paths.container_cgroup(request.container.name);
  std::vector<std::string> seen;
  for (const char* controller : {"memory", "cpu", "cpuacct", "cpuset", "pids"}) {
    const CgroupHost::Hierarchy* hierarchy = host.with(controller);
    if (hierarchy == nullptr || hierarchy->v2 ||
        std::find(seen.begin(), seen.end(), hierarchy->mount) != seen.end()) {
      continue;
    }
    seen.push_back(hierarchy->mount);
    OpenedTree tree = open_tree(program, hierarchy->mount + path,
                                "/sys/fs/cgroup/" + base::base_name(hierarchy->mount));
    tree.flags = kTreeNoDev | kTreeNoSuid | kTreeNoExec;
    if (!request.container.privileged) tree.flags |= kTreeReadOnly;
    out.push_back(tree);
  }
  return out;
}

void add_kernel_file_systems(ChildProgram& program, const LaunchRequest& request,
                             const std::vector<OpenedTree>& cgroups) {
  constexpr std::uint64_t kQuiet = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  const std::uint64_t locked = request.container.privileged ? 0 : MS_RDONLY;
  add_fs(program, "proc", "/proc", kQuiet, nullptr);
  add_fs(program, "sysfs", "/sys", kQuiet | locked, nullptr);
  if (CgroupHost::get().pure_v2()) {
    add_fs(program, "cgroup2", "/sys/fs/cgroup", kQuiet | locked, nullptr);
  } else if (!cgroups.empty()) {
    add_fs(program, "tmpfs", "/sys/fs/cgroup", kQuiet, "mode=755,size=64k");
    for (const OpenedTree& tree : cgroups) {
      Step& step = program.add(Op::Mkdir, base::cat("make ", tree.target));
      step.path = program.arena.keep(tree.target);
      step.number = 0755;
      attach(program, tree);
    }
    if (locked != 0) {
      Step& step = program.add(Op::RemountRead, "lock /sys/fs/cgroup");
      step.path = "/sys/fs/cgroup";
      step.number = kQuiet;
    }
  }
}

bool may_make_nodes() {
  // In a user namespace mknod gives EPERM whatever the capabilities.
  static const bool may = [] {
    const auto map = base::try_read_file("/proc/self/uid_map");
    if (!map) return true;
    std::vector<std::string> words;
    for (const std::string& word : base::split(base::trim(*map), ' ')) {
      if (!word.empty()) words.push_back(word);
    }
    return words.size() == 3 && words[0] == "0" && words[1] == "0" && words[2] == "4294967295";
  }();
  return may;
}

struct StandardNode {
  const char* path;
  unsigned major, minor;
};
constexpr std::array<StandardNode, 6> kNodes = {{{"/dev/null", 1, 3},
                                                 {"/dev/zero", 1, 5},
                                                 {"/dev/full", 1, 7},
                                                 {"/dev/random", 1, 8},
                                                 {"/dev/urandom", 1, 9},
                                                 {"/dev/tty", 5, 0}}};

std::vector<OpenedTree> open_devices(ChildProgram& program, const LaunchRequest& request) {
  std::vector<OpenedTree> out;
  if (!may_make_nodes()) {
    for (const StandardNode& node : kNodes) out.push_back(open_tree(program, node.path, node.path));
    for (const DeviceNode& node : device_nodes(request.container)) {
      for (const spec::Device& device : request.container.devices) {
        if (device.target == node.path || (device.target.empty() && device.source == node.path)) {
          out.push_back(open_tree(program, device.source, node.path));
        }
      }
    }
  }
  if (request.container.tty && request.stdin_fd >= 0) {
    std::array<char, 64> name{};
    if (::ttyname_r(request.stdin_fd, name.data(), name.size()) == 0) {
      out.push_back(open_tree(program, name.data(), "/dev/console"));
    }
  }
  return out;
}

void add_devices(ChildProgram& program, const LaunchRequest& request,
                 const std::vector<OpenedTree>& binds) {
  add_fs(program, "tmpfs", "/dev", MS_NOSUID | MS_NOEXEC | MS_STRICTATIME, "mode=755,size=65536k");
  const auto add_node = [&](const char* path, dev_t device, unsigned mode, unsigned uid,
                            unsigned gid) {
    Step& step = program.add(Op::Mknod, base::cat("make device ", path));
    step.path = path;
    step.number = device;
    step.mode = mode;
    step.uid = uid;
    step.gid = gid;
  };
  if (may_make_nodes()) {
    for (const StandardNode& node : kNodes) {
      add_node(node.path, makedev(node.major, node.minor), S_IFCHR | 0666U, 0, 0);
    }
  }
  static constexpr std::array<std::array<const char*, 2>, 5> kLinks = {
      {{"/dev/fd", "/proc/self/fd"},
       {"/dev/stdin", "/proc/self/fd/0"},
       {"/dev/stdout", "/proc/self/fd/1"},
       {"/dev/stderr", "/proc/self/fd/2"},
       {"/dev/ptmx", "pts/ptmx"}}};
  for (const auto& link : kLinks) {
    Step& step = program.add(Op::Symlink, "make /dev");
    step.path = link[0];
    step.text = link[1];
  }
  for (const char* dir : {"/dev/pts", "/dev/shm", "/dev/mqueue"}) {
    Step& step = program.add(Op::Mkdir, "make /dev");
    step.path = dir;
    step.number = 0755;
  }
  add_fs(program, "devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC,
         "newinstance,ptmxmode=0666,mode=0620,gid=5");
  const std::string shm = base::cat("mode=1777,size=", request.container.shm_size);
  add_fs(program, "tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV | MS_NOEXEC, program.arena.keep(shm));
  add_fs(program, "mqueue", "/dev/mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr);
  if (may_make_nodes()) {
    for (const DeviceNode& node : device_nodes(request.container)) {
      const bool standard = std::any_of(kNodes.begin(), kNodes.end(), [&](const StandardNode& one) {
        return node.path == one.path;
      });
      if (!standard) {
        add_node(program.arena.keep(node.path), node.device, node.mode, node.uid, node.gid);
      }
    }
  }
  for (const OpenedTree& bind : binds) attach(program, bind);
}

bool covered(const std::vector<PlacedMount>& mounts, const std::string& path) {
  return std::any_of(mounts.begin(), mounts.end(),
                     [&](const auto& mount) { return lies_in(path, mount.spec.target); });
}

// hosts, hostname, resolv.conf, unless the stack file mounts one of its own.
std::vector<OpenedTree> open_etc(ChildProgram& program, const LaunchRequest& request) {
  std::vector<OpenedTree> out;
  const std::string etc = request.paths.container_run(request.container.name) + "/etc/";
  const std::vector<PlacedMount> mounts = mounts_of(request.container, request.paths);
  for (const char* name : {"hosts", "hostname", "resolv.conf"}) {
    const std::string target = base::cat("/etc/", name);
    const auto same = [&](const PlacedMount& mount) { return mount.spec.target == target; };
    if (std::any_of(mounts.begin(), mounts.end(), same)) continue;
    OpenedTree tree = open_tree(program, etc + name, target);
    // Inside somebody's own folder nothing is replaced.
    tree.op = covered(mounts, target) ? Op::Attach : Op::PlaceFile;
    out.push_back(tree);
  }
  return out;
}

void add_locks(ChildProgram& program, const LaunchRequest& request) {
  if (!request.container.privileged) {
    for (const char* path : kMasked) {
      program.add(Op::Mask, base::cat("hide ", path)).path = path;
    }
    for (const char* path : kReadOnly) {
      program.add(Op::ReadOnly, base::cat("lock ", path)).path = path;
    }
  }
}

}  // namespace

void add_root_steps(ChildProgram& program, const LaunchRequest& request) {
  const planner::Container& container = request.container;
  const VolumeSteps volumes = compile_volumes(program, request);
  const auto append = [&](const std::vector<Step>& steps) {
    program.steps.insert(program.steps.end(), steps.begin(), steps.end());
  };
  // Shared and slave binds must be taken while the tree still has its peers.
  append(volumes.open_early);
  program.add(Op::MakePrivate, "make the mount tree private");
  std::vector<OpenedTree> image;
  for (const image::HostBind& bind : request.rootfs.binds) {
    OpenedTree tree = open_tree(program, bind.source, bind.target);
    tree.flags = kTreeReadOnly | kTreeNoDev;
    image.push_back(tree);
  }
  append(volumes.open);
  const std::vector<OpenedTree> cgroups = open_cgroups(program, request);
  const std::vector<OpenedTree> devices = open_devices(program, request);
  const std::vector<OpenedTree> etc = open_etc(program, request);

  add_overlay(program, request);
  for (const OpenedTree& tree : image) attach(program, tree);
  add_kernel_file_systems(program, request, cgroups);
  add_devices(program, request, devices);
  append(volumes.attach);
  for (const OpenedTree& tree : etc) attach(program, tree);
  add_sysctl_steps(program, request);
  add_locks(program, request);

  const std::string workdir = container.working_dir.empty() ? "/" : container.working_dir;
  Step& step = program.add(Op::Workdir, base::cat("working_dir ", workdir, place_of(container)));
  step.path = program.arena.keep(workdir);
  step.number = 1;
  if (container.read_only) {
    Step& remount = program.add(Op::RemountRead, "make the root read-only");
    remount.path = "/";
    remount.number = MS_NODEV;
  }
}

}  // namespace executor
