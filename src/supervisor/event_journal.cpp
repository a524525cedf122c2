#include "supervisor/event_journal.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "base/log.hpp"

namespace supervisor {

namespace {

using EventClock = std::chrono::system_clock;

std::string event_file(const base::ProjectPaths& paths) {
  return paths.data + "/events";
}
std::string older_file(const std::string& file) {
  return file + ".1";
}

}  // namespace

std::string encode_event(const Event& event) {
  const auto since = event.time.time_since_epoch();
  const nlohmann::json out{
      {"time", std::chrono::duration_cast<std::chrono::nanoseconds>(since).count()},
      {"action", event.action},
      {"container", event.container},
      {"service", event.service},
      {"attributes", event.attributes}};
  return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::optional<Event> decode_event(const std::string& line) {
  const auto in = nlohmann::json::parse(line, nullptr, false);
  if (!in.is_object()) return {};
  Event out;
  try {
    out.time = EventClock::time_point(std::chrono::duration_cast<EventClock::duration>(
        std::chrono::nanoseconds(in.at("time").get<std::int64_t>())));
    in.at("action").get_to(out.action);
    in.at("container").get_to(out.container);
    out.service = in.value("service", "");
    if (const auto at = in.find("attributes"); at != in.end()) at->get_to(out.attributes);
  } catch (const nlohmann::json::exception&) {
    return {};
  }
  return out;
}

// ---- writing ------------------------------------------------------------------------------------

EventJournal::EventJournal(const base::ProjectPaths& paths, std::uint64_t max_bytes)
    : file_(event_file(paths)), max_bytes_(max_bytes) {}

void EventJournal::open() {
  struct stat info {};
  // Somebody may have removed the file, or the folder and all, under us.
  const bool gone = fd_ && (::fstat(fd_.get(), &info) != 0 || info.st_nlink == 0);
  if (fd_ && !gone && static_cast<std::uint64_t>(info.st_size) < max_bytes_) return;
  if (fd_ && !gone) ::rename(file_.c_str(), older_file(file_).c_str());
  fd_.reset(::open(file_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd_) base::throw_errno("open", file_);
  char last = '\n';
  if (::fstat(fd_.get(), &info) == 0 && info.st_size > 0) {
    if (::pread(fd_.get(), &last, 1, info.st_size - 1) != 1) last = '\n';
  }
  // Whoever wrote before us did not come to the end of its line.
  if (last != '\n' && ::write(fd_.get(), "\n", 1) != 1) base::throw_errno("write", file_);
}

void EventJournal::add(const planner::Container& container, const std::string& action,
                       std::map<std::string, std::string> attributes) {
  try {
    open();
    for (const auto& [name, value] : container.labels) {
      if (!base::starts_with(name, "com.docker.compose.")) attributes.emplace(name, value);
    }
    attributes["image"] = container.image;
    attributes["name"] = container.name;
    const std::string line = encode_event(
        {EventClock::now(), action, container.name, container.service, std::move(attributes)});
    const ssize_t n = ::write(fd_.get(), line.data(), line.size());
    if (n != static_cast<ssize_t>(line.size())) fd_.reset();  // the next one looks at the end
  } catch (const base::Error& error) {
    fd_.reset();
    base::log::debug(error.what());
  }
}

// ---- reading ------------------------------------------------------------------------------------

EventReader::EventReader(const base::ProjectPaths& paths)
    : file_(event_file(paths)), inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  older_ = open(older_file(file_));
  if (!older_) (void)open(file_);
}

bool EventReader::open(const std::string& path) {
  base::Fd next(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!next) return false;
  fd_ = std::move(next);
  offset_ = 0;
  buffer_.clear();
  return true;
}

void EventReader::skip() {
  if (!open(file_)) return;
  older_ = false;
  struct stat info {};
  if (::fstat(fd_.get(), &info) == 0) offset_ = static_cast<std::uint64_t>(info.st_size);
}

// More of the current file; where that has been replaced, of the one after it.
bool EventReader::fill() {
  for (int round = 0; round < 2; ++round) {
    if (!fd_ && !open(file_)) return false;
    struct stat ours {
    }, now{};
    const bool replaced = older_ || ::stat(file_.c_str(), &now) != 0 ||
                          ::fstat(fd_.get(), &ours) != 0 || now.st_ino != ours.st_ino ||
                          now.st_dev != ours.st_dev;
    std::array<char, 65536> piece{};
    const ssize_t n = ::pread(fd_.get(), piece.data(), piece.size(), static_cast<off_t>(offset_));
    if (n > 0) {
      offset_ += static_cast<std::uint64_t>(n);
      buffer_.append(piece.data(), static_cast<std::size_t>(n));
      return true;
    }
    // Looked at before it was read: what was replaced by then got its last line by then.
    if (!replaced) return false;
    older_ = false;
    fd_.reset();
  }
  return false;
}

std::optional<Event> EventReader::next() {
  while (true) {
    const auto end = buffer_.find('\n');
    if (end == std::string::npos) {
      if (!fill()) return {};
      continue;
    }
    const std::string line = buffer_.substr(0, end);
    buffer_.erase(0, end + 1);
    if (auto event = decode_event(line)) return event;
  }
}

void EventReader::wait(std::chrono::milliseconds longest, int fd) {
  const std::string folder = base::parent_dir(file_);
  if (inotify_) {
    ::inotify_add_watch(inotify_.get(), folder.c_str(),
                        IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF);
  }
  std::array<pollfd, 2> fds{{{inotify_.get(), POLLIN, 0}, {fd, POLLIN, 0}}};
  // Until the folder is there, nothing tells of its coming but a look now and then.
  const int most = base::exists(folder) ? static_cast<int>(longest.count()) : 100;
  ::poll(fds.data(), fds.size(), most);
  std::array<char, 4096> ignored{};
  while (inotify_ && ::read(inotify_.get(), ignored.data(), ignored.size()) > 0) {
  }
}

}  // namespace supervisor
