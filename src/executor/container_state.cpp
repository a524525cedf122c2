#include "executor/container_state.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/crash_point.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "base/sys.hpp"
#include "executor/cgroup.hpp"

namespace executor {

namespace {

using Clock = std::chrono::system_clock;

std::int64_t to_ns(Clock::time_point t) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(t.time_since_epoch()).count();
}
Clock::time_point from_ns(std::int64_t ns) {
  return Clock::time_point(
      std::chrono::duration_cast<Clock::duration>(std::chrono::nanoseconds(ns)));
}

constexpr int kStateVersion = 1;
constexpr int kLastStatus = static_cast<int>(planner::ContainerStatus::Exited);
constexpr char kExitsVersion = 1;

}  // namespace

std::optional<planner::ActualContainer> read_state(const base::ProjectPaths& paths,
                                                   const std::string& container) {
  const auto text = base::try_read_file(paths.state(container));
  if (!text) return {};
  const auto in = nlohmann::json::parse(*text, nullptr, false);
  if (!in.is_object()) return {};
  planner::ActualContainer out;
  try {
    if (in.value("boot", "") != base::boot_id() || in.value("version", 0) != kStateVersion) {
      return {};
    }
    if (in.value("status", -1) < 0 || in.value("status", 99) > kLastStatus) return {};
    out.name = container;
    out.service = in.value("service", "");
    out.index = in.value("index", 1U);
    out.status = static_cast<planner::ContainerStatus>(in.value("status", 0));
    out.process = {in.value("pid", 0), in.value("start_time", std::uint64_t{0})};
    out.created_at = from_ns(in.value("created_at", std::int64_t{0}));
    out.started_at = from_ns(in.value("started_at", std::int64_t{0}));
    out.exit.known = in.value("exit_known", false);
    out.exit.code = in.value("exit_code", 0);
    out.exit.signal = in.value("exit_signal", 0);
    out.exit.oom_killed = in.value("oom_killed", false);
    out.exit.finished_at = from_ns(in.value("finished_at", std::int64_t{0}));
    out.health = static_cast<planner::Health>(in.value("health", 0));
    out.health_failures = in.value("health_failures", 0U);
    out.restarts = in.value("restarts", 0U);
    out.health_output = in.value("health_output", "");
    out.recent_restarts = in.value("recent_restarts", 0U);
    out.hooks_pending = in.value("hooks_pending", false);
    out.stopped_by_user = in.value("stopped_by_user", false);
    out.oneoff = in.value("oneoff", false);
    out.step = in.value("step", 0U);
    out.error = in.value("error", "");
  } catch (const nlohmann::json::exception&) {
    return {};
  }
  return out;
}

void write_state(const base::ProjectPaths& paths, const planner::ActualContainer& state) {
  nlohmann::json out{{"boot", base::boot_id()},
                     {"version", kStateVersion},
                     {"service", state.service},
                     {"status", static_cast<int>(state.status)}};
  // Every command reads these files of all containers: what is as it begins is not in them.
  const auto put = [&out](const char* key, const auto& value, const auto& unwritten) {
    if (value != unwritten) out[key] = value;
  };
  put("index", state.index, 1U);
  put("pid", state.process.pid, 0);
  put("start_time", state.process.start_time, 0U);
  put("created_at", to_ns(state.created_at), 0);
  put("started_at", to_ns(state.started_at), 0);
  put("exit_known", state.exit.known, false);
  put("exit_code", state.exit.code, 0);
  put("exit_signal", state.exit.signal, 0);
  put("oom_killed", state.exit.oom_killed, false);
  put("finished_at", to_ns(state.exit.finished_at), 0);
  put("health", static_cast<int>(state.health), 0);
  put("health_failures", state.health_failures, 0U);
  put("restarts", state.restarts, 0U);
  put("recent_restarts", state.recent_restarts, 0U);
  put("health_output", state.health_output, "");
  put("hooks_pending", state.hooks_pending, false);
  put("stopped_by_user", state.stopped_by_user, false);
  put("oneoff", state.oneoff, false);
  put("step", state.step, 0U);
  put("error", state.error, "");
  // What a check or a hook printed may be any bytes.
  constexpr auto kReplace = nlohmann::json::error_handler_t::replace;
  base::write_atomic(paths.state(state.name), out.dump(-1, ' ', false, kReplace));
}

namespace {

constexpr std::size_t kHeaderSize = 64;
struct DiskExit {
  std::int64_t pid;
  std::uint64_t start_time;
  std::int32_t status;
  std::int32_t reason;
  std::int64_t time_ns;
};
static_assert(sizeof(DiskExit) == 32);

std::array<char, kHeaderSize> header() {
  std::array<char, kHeaderSize> out{};
  std::memcpy(out.data(), base::boot_id().data(),
              std::min(base::boot_id().size(), kHeaderSize - 1));
  out.back() = kExitsVersion;
  return out;
}

}  // namespace

void append_exit(const std::string& file, const ExitRecord& record) {
  const auto wanted = header();
  base::Fd fd = base::sys::open(file, O_RDWR | O_CREAT, 0600);
  CRASH_POINT("exit-record/opened");
  std::array<char, kHeaderSize> found{};
  const ssize_t n = ::pread(fd.get(), found.data(), found.size(), 0);
  if (n != static_cast<ssize_t>(kHeaderSize) || found != wanted) {
    if (::ftruncate(fd.get(), 0) != 0) base::throw_errno("truncate", file);
    CRASH_POINT("exit-record/truncated");
    base::sys::write_all(fd.get(), {wanted.data(), wanted.size()}, file);
  }
  off_t end = ::lseek(fd.get(), 0, SEEK_END);
  // A torn record (we died in the middle of a write) is overwritten.
  end -= (end - static_cast<off_t>(kHeaderSize)) % static_cast<off_t>(sizeof(DiskExit));
  const DiskExit disk{record.process.pid, record.process.start_time, record.status, record.reason,
                      record.time_ns};
  if (::pwrite(fd.get(), &disk, sizeof(disk), end) != static_cast<ssize_t>(sizeof(disk))) {
    base::throw_errno("write", file);
  }
  CRASH_POINT("exit-record/written");
}

std::vector<ExitRecord> read_exits(const std::string& file) {
  std::vector<ExitRecord> out;
  const auto text = base::try_read_file(file);
  const auto wanted = header();
  if (!text || text->size() < kHeaderSize ||
      std::memcmp(text->data(), wanted.data(), kHeaderSize) != 0) {
    return out;
  }
  for (std::size_t at = kHeaderSize; at + sizeof(DiskExit) <= text->size();
       at += sizeof(DiskExit)) {
    DiskExit disk{};
    std::memcpy(&disk, text->data() + at, sizeof(disk));
    out.push_back(
        {{static_cast<pid_t>(disk.pid), disk.start_time}, disk.status, disk.reason, disk.time_ns});
  }
  return out;
}

planner::ExitState exit_state(const ExitRecord& record) {
  planner::ExitState out;
  out.known = true;
  if (record.reason == CLD_EXITED) {
    out.code = record.status;
  } else {
    out.signal = record.status;
    out.code = 128 + record.status;
  }
  out.finished_at = from_ns(record.time_ns);
  return out;
}

namespace {

// <linux/pidfd.h> of 6.15; Debian 12's headers are older.
struct PidfdInfo {
  std::uint64_t mask;
  std::uint64_t cgroup_id;
  std::uint32_t pid, tgid, ppid;
  std::uint32_t ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
  std::int32_t exit_code;
};
constexpr std::uint64_t kPidfdInfoExit = 1U << 3U;
constexpr unsigned long kPidfdGetInfo = _IOWR(0xFF, 11, PidfdInfo);

}  // namespace

std::optional<ExitRecord> pidfd_exit(int pidfd) {
  PidfdInfo info{};
  info.mask = kPidfdInfoExit;
  if (::ioctl(pidfd, kPidfdGetInfo, &info) != 0 || (info.mask & kPidfdInfoExit) == 0) return {};
  ExitRecord out;
  out.process.pid = static_cast<pid_t>(info.pid);
  const int status = info.exit_code;
  out.reason = WIFEXITED(status) ? CLD_EXITED : CLD_KILLED;
  out.status = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
  out.time_ns = to_ns(Clock::now());
  return out;
}

std::optional<base::ProcessId> find_init(const std::string& cgroup) {
  for (const int pid : cgroup_pids(cgroup)) {
    std::optional<std::string> status;
    try {
      status = base::try_read_file(base::cat("/proc/", pid, "/status"));
    } catch (const base::SysError&) {
      continue;  // ended while we looked
    }
    if (!status) continue;
    const std::size_t at = status->find("\nNSpid:");
    if (at == std::string::npos) continue;
    const std::string line = status->substr(at + 7, status->find('\n', at + 7) - at - 7);
    const auto ids = base::split(base::trim(line), '\t');
    // Ours is the second number, the container's own view the next: 1 is its init.
    if (ids.size() >= 2 && base::trim(ids[ids.size() - 1]) == "1") return base::identify(pid);
  }
  return {};
}

}  // namespace executor
