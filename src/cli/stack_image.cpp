#include "cli/stack_image.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "base/sys.hpp"
#include "cli/image_view.hpp"

namespace cli {

namespace {

std::string own_program() {
  std::string out(4096, '\0');
  const ssize_t size = ::readlink("/proc/self/exe", out.data(), out.size());
  if (size <= 0) base::throw_errno("readlink", "/proc/self/exe");
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::string text_in(const nlohmann::json& in, const char* key) {
  const auto at = in.find(key);
  return at != in.end() && at->is_string() ? at->get<std::string>() : std::string();
}
std::uint64_t number_in(const nlohmann::json& in, const char* key) {
  const auto at = in.find(key);
  return at != in.end() && at->is_number_unsigned() ? at->get<std::uint64_t>() : 0;
}

struct Child {
  pid_t pid = -1;
  base::Fd out;
};

Child start(const std::vector<std::string>& words) {
  Child child;
  auto [read_end, write_end] = base::sys::pipe();
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));  // NOLINT
  argv.push_back(nullptr);
  const pid_t parent = ::getpid();
  child.pid = ::fork();
  if (child.pid < 0) base::throw_errno("fork");
  if (child.pid == 0) {
    // Whoever ends the command ends what it is about, too: nothing is fetched unseen.
    ::prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    if (::getppid() != parent) ::_exit(127);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    if (::dup2(write_end.get(), STDOUT_FILENO) >= 0) ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  child.out = std::move(read_end);
  return child;
}

int wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) base::throw_errno("waitpid");
  }
  return status;
}

}  // namespace

std::string stack_image_program() {
  const std::string folder = base::parent_dir(own_program());
  for (const char* place :
       {"/stack-image", "/../lib/stack/stack-image", "/../libexec/stack/stack-image"}) {
    const std::string path = base::clean_path(folder + place);
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  throw base::Error(base::cat("stack-image is missing: it belongs beside stack, in ", folder,
                              " or in ../lib/stack"),
                    "cmake --install puts both where they belong");
}

std::optional<ImageEvent> parse_image_event(const std::string& line) {
  const auto in = nlohmann::json::parse(line, nullptr, false);
  if (!in.is_object()) return {};
  ImageEvent out;
  const std::string kind = text_in(in, "event");
  if (kind == "layer") out.kind = ImageEvent::Kind::Layer;
  if (kind == "status") out.kind = ImageEvent::Kind::Status;
  if (kind == "image") out.kind = ImageEvent::Kind::Image;
  if (kind == "problem") out.kind = ImageEvent::Kind::Problem;
  if (kind == "error") out.kind = ImageEvent::Kind::Error;
  out.image = text_in(in, "image");
  out.id = text_in(in, "id");
  out.phase = text_in(in, "phase");
  out.text = text_in(in, "text");
  out.hint = text_in(in, "hint");
  out.current = number_in(in, "current");
  out.total = number_in(in, "total");
  return out;
}

void run_stack_image(const Context& context, const ImageRun& run) {
  std::vector<std::string> words = {stack_image_program()};
  words.insert(words.end(), run.words.begin(), run.words.end());
  if (!context.root.empty()) words.insert(words.begin() + 2, {"--root", context.root});
  ImageView view(
      {run.quiet ? ProgressMode::Quiet : context.globals.progress, context.globals.ansi});
  const Child child = start(words);
  std::string buffer, chunk(65536, '\0'), text, hint;
  bool failed = false;
  const auto take = [&](const std::string& line) {
    const auto event = parse_image_event(line);
    if (!event) return;
    if (event->kind == ImageEvent::Kind::Error) {
      failed = true;
      text = event->text;
      hint = event->hint;
    }
    view.take(*event, line);
    if (run.seen) run.seen(*event);
  };
  while (true) {
    const ssize_t got = ::read(child.out.get(), chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    buffer.append(chunk, 0, static_cast<std::size_t>(got));
    for (std::size_t end; (end = buffer.find('\n')) != std::string::npos;
         buffer.erase(0, end + 1)) {
      take(buffer.substr(0, end));
    }
  }
  const int status = wait_for(child.pid);
  view.finish();
  if (failed) throw base::Error(text, hint);
  if (WIFSIGNALED(status)) {
    throw base::Error(base::cat("stack-image was ended by signal ", WTERMSIG(status)));
  }
  if (WEXITSTATUS(status) != 0) {
    throw base::Error(base::cat("stack-image failed with status ", WEXITSTATUS(status)));
  }
}

}  // namespace cli
