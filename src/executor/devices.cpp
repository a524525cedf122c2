#include "executor/devices.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/sys.hpp"
#include "base/text.hpp"

namespace executor {

namespace {

constexpr int kMaxDepth = 4;

bool is_device(const struct stat& info) {
  return S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode);
}

void collect(const std::string& source, const std::string& target, const std::string& access,
             int depth, std::vector<DeviceNode>& out) {
  struct stat info {};
  // The device itself may be named by a link (/dev/disk/by-id/...); inside a folder links are left
  // out.
  const int result = depth == 0 ? ::stat(source.c_str(), &info) : ::lstat(source.c_str(), &info);
  if (result != 0) {
    if (depth > 0) return;
    throw base::SysError(errno, "devices:", source, "the device must exist on this machine");
  }
  if (is_device(info)) {
    out.push_back({target, info.st_mode, info.st_rdev, info.st_uid, info.st_gid, access});
    return;
  }
  if (!S_ISDIR(info.st_mode)) {
    if (depth > 0) return;
    throw base::Error(base::cat("devices: ", source, " is not a device"));
  }
  if (depth >= kMaxDepth) return;
  for (const std::string& name : base::list_dir(source)) {
    collect(base::cat(source, "/", name), base::cat(target, "/", name), access, depth + 1, out);
  }
}

// Everything below the machine's /dev that is not the container's own business.
std::vector<DeviceNode> host_devices() {
  std::vector<DeviceNode> out;
  for (const std::string& name : base::list_dir("/dev")) {
    if (name == "pts" || name == "shm" || name == "mqueue" || name == "hugepages" ||
        name == "console" || name == "ptmx") {
      continue;
    }
    const std::string path = "/dev/" + name;
    collect(path, path, "rwm", 1, out);
  }
  return out;
}

}  // namespace

std::vector<DeviceNode> device_nodes(const planner::Container& container) {
  std::vector<DeviceNode> out;
  if (container.privileged) out = host_devices();
  for (const spec::Device& device : container.devices) {
    const std::string target = device.target.empty() ? device.source : device.target;
    collect(device.source, base::clean_path(target),
            device.permissions.empty() ? "rwm" : device.permissions, 0, out);
  }
  return out;
}

CgroupSettings cgroup_settings(const planner::Container& container) {
  CgroupSettings out;
  out.limits = container.limits;
  out.all_devices = container.privileged;
  if (container.privileged) return out;
  for (const DeviceNode& node : device_nodes(container)) {
    out.devices.push_back(
        {S_ISBLK(node.mode) ? 'b' : 'c', major(node.device), minor(node.device), node.access});
  }
  return out;
}

const std::vector<DeviceRule>& standard_devices() {
  static const std::vector<DeviceRule> rules = {
      {'c', -1, -1, "m"},    {'b', -1, -1, "m"}, {'c', 1, 3, "rwm"},  // null
      {'c', 1, 5, "rwm"},                                             // zero
      {'c', 1, 7, "rwm"},                                             // full
      {'c', 1, 8, "rwm"},                                             // random
      {'c', 1, 9, "rwm"},                                             // urandom
      {'c', 5, 0, "rwm"},                                             // tty
      {'c', 5, 1, "rwm"},                                             // console
      {'c', 5, 2, "rwm"},                                             // ptmx
      {'c', 136, -1, "rwm"},                                          // pts
  };
  return rules;
}

// ---- cgroup v2
// -----------------------------------------------------------------------------------

namespace {

bpf_insn instruction(unsigned code, unsigned dst, unsigned src, int offset, int value) {
  bpf_insn out{};
  out.code = static_cast<__u8>(code);
  out.dst_reg = static_cast<__u8>(dst & 0xfU);
  out.src_reg = static_cast<__u8>(src & 0xfU);
  out.off = static_cast<__s16>(offset);
  out.imm = value;
  return out;
}

int access_bits(const std::string& access) {
  int out = 0;
  for (const char c : access) {
    if (c == 'm') out |= BPF_DEVCG_ACC_MKNOD;
    if (c == 'r') out |= BPF_DEVCG_ACC_READ;
    if (c == 'w') out |= BPF_DEVCG_ACC_WRITE;
  }
  return out;
}

long bpf(bpf_cmd command, bpf_attr& attributes) {
  return ::syscall(SYS_bpf, command, &attributes, sizeof(attributes));
}

}  // namespace

std::vector<bpf_insn> device_filter(const std::vector<DeviceRule>& rules) {
  constexpr unsigned kType = 2, kAccess = 3, kMajor = 4, kMinor = 5, kScratch = 6;
  const auto load = [](unsigned reg, std::size_t offset) {
    return instruction(BPF_LDX | BPF_MEM | BPF_W, reg, 1, static_cast<int>(offset), 0);
  };
  std::vector<bpf_insn> out = {
      load(kType, offsetof(bpf_cgroup_dev_ctx, access_type)),
      instruction(BPF_ALU | BPF_MOV | BPF_X, kAccess, kType, 0, 0),
      instruction(BPF_ALU | BPF_AND | BPF_K, kType, 0, 0, 0xffff),
      instruction(BPF_ALU | BPF_RSH | BPF_K, kAccess, 0, 0, 16),
      load(kMajor, offsetof(bpf_cgroup_dev_ctx, major)),
      load(kMinor, offsetof(bpf_cgroup_dev_ctx, minor)),
  };
  for (const DeviceRule& rule : rules) {
    std::vector<bpf_insn> block;
    const auto differs = [&](unsigned reg, std::int64_t value) {
      block.push_back(instruction(BPF_JMP | BPF_JNE | BPF_K, reg, 0, 0, static_cast<int>(value)));
    };
    if (rule.type != 'a')
      differs(kType, rule.type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
    const int access = access_bits(rule.access);
    if (access != (BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE)) {
      block.push_back(instruction(BPF_ALU | BPF_MOV | BPF_X, kScratch, kAccess, 0, 0));
      block.push_back(instruction(BPF_ALU | BPF_AND | BPF_K, kScratch, 0, 0, ~access & 0x7));
      differs(kScratch, 0);
    }
    if (rule.major >= 0) differs(kMajor, rule.major);
    if (rule.minor >= 0) differs(kMinor, rule.minor);
    block.push_back(instruction(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1));
    block.push_back(instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
    for (std::size_t i = 0; i < block.size(); ++i) {
      if (block[i].code == (BPF_JMP | BPF_JNE | BPF_K)) {
        block[i].off = static_cast<__s16>(block.size() - i - 1);
      }
    }
    out.insert(out.end(), block.begin(), block.end());
  }
  out.push_back(instruction(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0));
  out.push_back(instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
  return out;
}

void attach_device_filter(const std::string& directory, const std::vector<DeviceRule>& rules) {
  const std::vector<bpf_insn> code = device_filter(rules);
  constexpr char kLicense[] = "Apache-2.0";
  bpf_attr load{};
  load.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  load.insn_cnt = static_cast<__u32>(code.size());
  load.insns = reinterpret_cast<__u64>(code.data());
  load.license = reinterpret_cast<__u64>(kLicense);
  const base::Fd program(static_cast<int>(bpf(BPF_PROG_LOAD, load)));
  if (!program) {
    throw base::SysError(errno, "load the device filter for", directory,
                         "the kernel must have CONFIG_CGROUP_BPF and allow bpf(2)");
  }
  const base::Fd group = base::sys::open(directory, O_RDONLY | O_DIRECTORY);
  bpf_attr attach{};
  attach.target_fd = static_cast<__u32>(group.get());
  attach.attach_bpf_fd = static_cast<__u32>(program.get());
  attach.attach_type = BPF_CGROUP_DEVICE;
  // Without flags: replaces what we attached before.
  if (bpf(BPF_PROG_ATTACH, attach) != 0)
    base::throw_errno("attach the device filter to", directory);
}

void detach_device_filter(const std::string& directory) {
  const base::Fd group = base::sys::open(directory, O_RDONLY | O_DIRECTORY);
  bpf_attr detach{};
  detach.target_fd = static_cast<__u32>(group.get());
  detach.attach_type = BPF_CGROUP_DEVICE;
  if (bpf(BPF_PROG_DETACH, detach) != 0 && errno != ENOENT) {
    base::throw_errno("detach the device filter from", directory);
  }
}

}  // namespace executor
