// cp: files between a container and here. A child that has entered the container's root does one
// half, we (or stack-image, for tar streams) the other; what goes between is a stream of bytes.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <tuple>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/sys.hpp"
#include "cli/commands.hpp"
#include "cli/copy_path.hpp"
#include "cli/errors.hpp"
#include "cli/ps_view.hpp"
#include "cli/stack_image.hpp"
#include "cli/terminal.hpp"
#include "executor/container_root.hpp"
#include "executor/tree_copy.hpp"

namespace cli {

CopyPath parse_copy_path(const std::string& word) {
  CopyPath out;
  out.path = word;
  const auto colon = word.find(':');
  if (colon == std::string::npos || colon == 0 || word[0] == '/' || word[0] == '.') return out;
  out.service = word.substr(0, colon);
  out.path = word.substr(colon + 1);
  return out;
}

std::string copied_name(std::string path) {
  if (path.ends_with("/.")) return {};
  while (!path.empty() && path.back() == '/') path.pop_back();
  const std::string out = path.substr(path.rfind('/') + 1);
  return out == "." || out == ".." ? std::string() : out;
}

namespace {

constexpr const char* kWarning = "warning: ";

int status_of(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return kFailed;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : kFailed;
}

class Copy {
 public:
  Copy(const Context& context, const Arguments& args, const Recorded& recorded)
      : context_(context),
        args_(args),
        recorded_(recorded),
        from_(parse_copy_path(args.names[0])),
        to_(parse_copy_path(args.names[1])) {}

  // With this container; throws base::Error.
  void run(const planner::Container& container, const planner::ActualContainer& actual) {
    const bool outwards = !from_.service.empty();
    auto [read_end, write_end] = base::sys::pipe();
    auto [told, tell] = base::sys::pipe();
    const pid_t child = ::fork();
    if (child < 0) base::throw_errno("fork");
    if (child == 0) {
      (outwards ? read_end : write_end).reset();
      ::_exit(inside(container, actual, outwards ? write_end : read_end, tell));
    }
    tell.reset();
    (outwards ? write_end : read_end).reset();
    std::string error;
    try {
      here(outwards ? read_end : write_end);
    } catch (const base::Error& failure) {
      error = failure.what();
    }
    read_end.reset();
    write_end.reset();
    finish(child, told, error);
  }

 private:
  [[nodiscard]] executor::SendTree sending() const {
    return {from_.path.empty() ? "/" : from_.path, args_.copy.follow_link};
  }
  [[nodiscard]] executor::ReceiveTree receiving() const {
    const std::string name = from_.path == "-" ? "" : copied_name(from_.path);
    return {to_.path.empty() ? "/" : to_.path, name, name.empty(), args_.copy.archive};
  }

  int inside(const planner::Container& container, const planner::ActualContainer& actual,
             const base::Fd& stream, const base::Fd& tell) {
    try {
      if (base::is_alive(actual.process)) {
        executor::enter_running_root(actual.process);
      } else {
        const std::string directory = recorded_.intent ? recorded_.intent->working_dir : "/";
        const image::Rootfs rootfs =
            image::resolve(container.image, directory, context_.roots, {.id = container.image_id});
        executor::enter_stopped_root({container, rootfs, recorded_.paths});
      }
      if (from_.service.empty()) {
        executor::receive_tree(stream.get(), receiving());
      } else {
        for (const std::string& left : executor::send_tree(stream.get(), sending())) {
          base::sys::write_all(tell.get(), base::cat(kWarning, left, "\n"), "what was left out");
        }
      }
      return kDone;
    } catch (const std::exception& error) {
      const std::string text = error.what();
      return ::write(tell.get(), text.data(), text.size()) < 0 ? kFailed + 1 : kFailed;
    }
  }

  void here(const base::Fd& stream) {
    if (to_.path == "-" && to_.service.empty()) {
      tar({"tar-pack", copied_name(from_.path)}, stream.get(), STDOUT_FILENO);
    } else if (from_.path == "-" && from_.service.empty()) {
      tar({"tar-unpack"}, STDIN_FILENO, stream.get());
    } else if (from_.service.empty()) {
      for (const std::string& left : executor::send_tree(stream.get(), sending())) warn(left);
    } else {
      executor::receive_tree(stream.get(), receiving());
    }
  }

  static void tar(const std::vector<std::string>& words, int in, int out) {
    const std::string program = stack_image_program();
    std::vector<char*> argv{const_cast<char*>(program.c_str())};  // NOLINT: of execv
    for (const std::string& word : words) {
      argv.push_back(const_cast<char*>(word.c_str()));  // NOLINT
    }
    argv.push_back(nullptr);
    const pid_t child = ::fork();
    if (child < 0) base::throw_errno("fork");
    if (child == 0) {
      if (::dup2(in, STDIN_FILENO) >= 0 && ::dup2(out, STDOUT_FILENO) >= 0) {
        ::execv(argv[0], argv.data());
      }
      ::_exit(kFailed);
    }
    if (status_of(child) != kDone) throw base::Error("the tar stream is not complete");
  }

  void warn(const std::string& text) const {
    write_text(STDERR_FILENO,
               base::cat("stack: ", paint("warning:", Colour::Yellow, context_.err_colour),
                         " left out: ", text, "\n"));
  }

  // An end of either side shows on the other as an end of the stream: whose own word is it?
  void finish(pid_t child, const base::Fd& told, const std::string& error) const {
    std::string inside_error;
    for (const std::string& line : base::split(base::sys::read_all(told.get(), "cp"), '\n')) {
      if (base::starts_with(line, kWarning)) {
        warn(line.substr(std::string_view(kWarning).size()));
      } else if (!line.empty()) {
        inside_error += inside_error.empty() ? line : " " + line;
      }
    }
    const int status = status_of(child);
    const bool echo = base::starts_with(inside_error, "the other side") ||
                      inside_error.find("Broken pipe") != std::string::npos;
    if (!inside_error.empty() && (!echo || error.empty())) throw base::Error(inside_error);
    if (!error.empty()) throw base::Error(error);
    if (status != kDone) throw base::Error("the copy ended in the middle");
  }

  const Context& context_;
  const Arguments& args_;
  const Recorded& recorded_;
  CopyPath from_, to_;
};

using Target = std::pair<const planner::Container*, const planner::ActualContainer*>;

// As docker compose has it: to every container of the service, but from the first.
std::vector<Target> targets_of(const Recorded& recorded, const Arguments& args,
                               const std::string& service) {
  check_services({service}, service_names(recorded), recorded.paths.project);
  std::vector<Target> out;
  if (recorded.intent) {
    for (const planner::Container& each : recorded.intent->containers) {
      const bool replica = !each.oneoff && each.step == 0;
      if (each.service != service || (!replica && !args.copy.all)) continue;
      if (args.index != 0 && (each.index != args.index || !replica)) continue;
      if (const auto* actual = recorded.actual.container(each.name))
        out.emplace_back(&each, actual);
    }
  }
  std::sort(out.begin(), out.end(), [](const Target& a, const Target& b) {
    return std::tie(a.first->oneoff, a.first->index) < std::tie(b.first->oneoff, b.first->index);
  });
  if (out.empty()) {
    throw base::Error(base::cat("service ", service, " has no such container"),
                      "stack ps -a lists them");
  }
  return out;
}

}  // namespace

int cp(const Context& context, const Arguments& args) {
  const CopyPath from = parse_copy_path(args.names[0]), to = parse_copy_path(args.names[1]);
  if (!from.service.empty() && !to.service.empty()) {
    throw base::Error("copying between containers is not supported",
                      "copy to here, then from here");
  }
  if (from.service.empty() && to.service.empty()) {
    throw base::Error("neither of the two is in a container", "SERVICE:PATH names what is");
  }
  const Recorded recorded = look_up(context);
  std::vector<Target> targets =
      targets_of(recorded, args, from.service.empty() ? to.service : from.service);
  if (!from.service.empty()) targets.resize(1);
  if (from.path == "-" && targets.size() > 1) {
    throw base::Error("a tar stream can go to one container only", "choose one with --index");
  }
  if (context.globals.dry_run) {
    for (const Target& each : targets) write_text(STDOUT_FILENO, each.first->name + "\n");
    return kDone;
  }
  require_root("cp");
  std::signal(SIGPIPE, SIG_IGN);  // NOLINT: the other side's end is an error with a text
  Copy copy(context, args, recorded);
  for (const auto& [container, actual] : targets) copy.run(*container, *actual);
  return kDone;
}

}  // namespace cli
