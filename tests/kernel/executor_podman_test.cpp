// The same probe in a container of ours and in one of `podman run`, side by side: on no line may
// ours reach further.
#include <cstdlib>
#include <iostream>
#include <map>
#include <set>

#include "kernel/executor_sandbox.hpp"

namespace {

using Lines = std::map<std::string, std::string>;

Lines parse(const std::string& text) {
  Lines out;
  for (const std::string& line : base::split(text, '\n')) {
    const std::size_t cut = line.find_first_of(" \t");
    if (cut != std::string::npos) out[line.substr(0, cut)] = line.substr(cut + 1);
  }
  return out;
}

// 0: refused at the door; 1: an errno from behind it; 2: allowed.
int call_looseness(const std::string& answer) {
  static const std::set<std::string> kRefusals = {"EPERM", "ENOSYS", "EACCES", "KILLED",
                                                  "EAFNOSUPPORT"};
  return answer == "allowed" ? 2 : kRefusals.count(answer) == 0 ? 1 : 0;
}

int mount_looseness(const std::string& value) {
  int out = 0;
  if (value.find(" rw") != std::string::npos) out += 8;
  for (const char* flag : {"nosuid", "nodev", "noexec"}) {
    if (value.find(flag) == std::string::npos) ++out;
  }
  return out;
}

bool is_looser(const std::string& name, const std::string& ours, const std::string& theirs) {
  if (base::starts_with(name, "status/Cap")) {
    const auto set = [](const std::string& hex) { return std::strtoull(hex.c_str(), nullptr, 16); };
    return (set(ours) & ~set(theirs)) != 0;
  }
  if (base::starts_with(name, "status/")) return ours < theirs;
  if (base::starts_with(name, "call/")) return call_looseness(ours) > call_looseness(theirs);
  if (base::starts_with(name, "path/")) {
    const auto rank = [](const std::string& value) {
      return value == "rw" ? 2 : value == "r" ? 1 : 0;
    };
    return rank(ours) > rank(theirs);
  }
  if (base::starts_with(name, "processes/")) return std::stoi(ours) > std::stoi(theirs);
  if (base::starts_with(name, "mount/")) return mount_looseness(ours) > mount_looseness(theirs);
  return theirs.empty();  // writable, descriptor, device: only ours has it
}

class Podman : public test::Sandbox {
 protected:
  std::string make_probe_root(const std::string& name) {
    const std::string root = dir_ + "/" + name;
    for (const char* folder : {"/etc", "/tmp", "/proc", "/sys", "/dev", "/run"}) {
      base::sys::make_dirs(root + folder, 0755);
    }
    copy(STACK_PROBE, root + "/probe");
    return root;
  }

  // In a mount namespace of its own, with a /run and a view of cgroups (none) of its own: crun
  // refuses a hybrid hierarchy, and nothing of podman's stays.
  std::string podman_output() {
    const std::string root = make_probe_root("theirs");
    const std::string home = dir_ + "/podman";
    base::sys::make_dirs(home, 0700);
    base::write_atomic(
        dir_ + "/podman.sh",
        base::cat("mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /sys/fs/cgroup || exit 1\n",
                  "cd ", home, "\nexec podman --root ", home, "/root --runroot ", home,
                  "/run --tmpdir ", home, "/tmp --cgroup-manager=cgroupfs --events-backend=none",
                  " --storage-driver=vfs run --rm --cgroups=disabled --network=none --rootfs ",
                  root, " /probe > ", dir_, "/theirs.txt 2> ", dir_, "/theirs.err\n"),
        {.mode = 0600});
    const std::string command = base::cat("unshare --mount sh ", dir_, "/podman.sh");
    if (std::system(command.c_str()) != 0) return {};
    return base::read_file(dir_ + "/theirs.txt");
  }
};

TEST_F(Podman, NothingIsLooserThanThere) {
  if (std::system("command -v podman > /dev/null 2>&1") != 0) {
    GTEST_SKIP() << "podman is not installed: nothing to compare with";
  }
  const std::string output = podman_output();
  const Lines theirs = parse(output);
  if (theirs.count("status/CapEff") == 0) {
    GTEST_SKIP() << "podman cannot run a container here: "
                 << base::try_read_file(dir_ + "/theirs.err").value_or("no output");
  }
  container_.image = "dir:" + make_probe_root("ours");
  const test::Result result = run({"/probe"});
  ASSERT_FALSE(result.failure) << result.failure->text;
  ASSERT_EQ(result.code, 0) << result.output;
  const Lines ours = parse(result.output);

  std::set<std::string> names;
  for (const auto& line : ours) names.insert(line.first);
  for (const auto& line : theirs) names.insert(line.first);
  const auto value = [](const Lines& lines, const std::string& name) {
    const auto at = lines.find(name);
    return at == lines.end() ? std::string() : at->second;
  };
  const auto column = [](std::string text, std::size_t width) {
    if (text.size() < width) text.resize(width, ' ');
    return text;
  };
  std::cout << column("aspect", 48) << column("stack", 34) << "podman\n";
  for (const std::string& name : names) {
    const std::string left = value(ours, name);
    const std::string right = value(theirs, name);
    // What only one of the two mounts is a folder of its own or a lock: compared by path instead.
    const bool one_sided = base::starts_with(name, "mount/") && (left.empty() || right.empty());
    // The layers' own flags; what lies in them is the container's.
    const bool compared = !left.empty() && !one_sided && name != "mount/";
    const bool looser = compared && is_looser(name, left, right);
    std::cout << column(name, 48) << column(left.empty() ? "-" : left, 34)
              << (right.empty() ? "-" : right) << (looser ? "   LOOSER" : "") << "\n";
    EXPECT_FALSE(looser) << name << ": ours \"" << left << "\", podman's \"" << right << "\"";
  }
}

}  // namespace
