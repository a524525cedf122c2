// enable, disable: who calls `reconcile` each minute and after a reboot: a timer of systemd where
// that runs, else a line for cron. Files only; what has to be told to systemd is said, not done.
#include <unistd.h>

#include <array>
#include <climits>
#include <filesystem>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/sys.hpp"
#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/errors.hpp"
#include "cli/terminal.hpp"

namespace cli {

namespace {

struct UnitFile {
  std::string path, text;
};

struct Schedule {
  std::string name;                                        // "stack-reconcile-shop"
  std::vector<UnitFile> files;                             // in the order they are written
  std::vector<std::pair<std::string, std::string>> links;  // path → target
  bool systemd = false;
};

std::string own_program() {
  std::array<char, PATH_MAX> path{};
  const ssize_t n = ::readlink("/proc/self/exe", path.data(), path.size() - 1);
  if (n <= 0) base::throw_errno("readlink", "/proc/self/exe");
  std::string out(path.data(), static_cast<std::size_t>(n));
  constexpr std::string_view kGone = " (deleted)";
  if (out.ends_with(kGone)) out.resize(out.size() - kGone.size());
  return out;
}

// systemd's own quoting: % and $ mean something to it, blanks and quotes need quotes.
std::string unit_word(const std::string& word) {
  std::string out;
  bool plain = !word.empty();
  for (const char c : word) {
    if (c == '%')
      out += "%%";
    else if (c == '$')
      out += "$$";
    else if (c == '"' || c == '\\')
      out += {'\\', c};
    else
      out += c;
    plain = plain && c != ' ' && c != '"' && c != '\\' && c != '\'' && c != ';';
  }
  return plain ? out : base::cat("\"", out, "\"");
}

// For sh, and for cron itself, to which % is the end of the line.
std::string cron_word(const std::string& word) {
  std::string out;
  for (const char c : base::shell_quote(word)) {
    if (c == '%') out += '\\';
    out += c;
  }
  return out;
}

std::vector<std::string> command_of(const Context& context, const std::string& project) {
  std::vector<std::string> out{own_program()};
  if (!context.root.empty()) out.insert(out.end(), {"--root", context.root});
  if (!project.empty()) out.insert(out.end(), {"-p", project});
  out.emplace_back("reconcile");
  if (project.empty()) out.emplace_back("--all");
  return out;
}

std::string joined(const std::vector<std::string>& words,
                   const std::function<std::string(const std::string&)>& quote) {
  std::vector<std::string> out;
  for (const std::string& word : words) out.push_back(quote(word));
  return base::join(out, " ");
}

void add_units(Schedule& out, const Context& context, const std::string& project,
               const std::string& dir) {
  const std::string what =
      project.empty() ? std::string("every stack") : base::cat("the stack ", project);
  out.systemd = true;
  out.files.push_back(
      {base::cat(dir, "/", out.name, ".service"),
       base::cat("# Written by `stack enable`; `stack disable` removes it.\n"
                 "[Unit]\n"
                 "Description=Mend ",
                 what,
                 "\n"
                 "Documentation=man:stack(1)\n"
                 "After=network.target local-fs.target\n"
                 "RequiresMountsFor=",
                 unit_word(context.roots.data),
                 "\n\n"
                 "[Service]\n"
                 "Type=oneshot\n"
                 "ExecStart=",
                 joined(command_of(context, project), unit_word),
                 "\n"
                 "# What it started goes on.\n"
                 "KillMode=process\n"
                 "TimeoutStartSec=infinity\n"
                 "# Changes that are waited out, and another pass at work, are no failures.\n"
                 "SuccessExitStatus=2 3\n")});
  out.files.push_back({base::cat(dir, "/", out.name, ".timer"),
                       base::cat("# Written by `stack enable`; `stack disable` removes it.\n"
                                 "[Unit]\n"
                                 "Description=Mend ",
                                 what,
                                 " each minute and after a reboot\n\n"
                                 "[Timer]\n"
                                 "OnBootSec=5s\n"
                                 "OnUnitInactiveSec=1min\n"
                                 "AccuracySec=1s\n\n"
                                 "[Install]\n"
                                 "WantedBy=timers.target\n")});
  out.links.emplace_back(base::cat(dir, "/timers.target.wants/", out.name, ".timer"),
                         base::cat("../", out.name, ".timer"));
}

void add_cron(Schedule& out, const Context& context, const std::string& project,
              const std::string& dir) {
  const std::string command = joined(command_of(context, project), cron_word);
  out.files.push_back(
      {base::cat(dir, "/", out.name),
       base::cat("# Written by `stack enable`; `stack disable` removes it.\n"
                 "SHELL=/bin/sh\n"
                 "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
                 "@reboot root ",
                 command, "\n* * * * * root ", command, "\n")});
}

struct Folders {
  std::string units, cron;
};

Folders folders_of(const Context& context, const Arguments& args) {
  const auto chosen = [&](const std::string& option, const char* variable, const char* usual) {
    const auto at = context.environment.find(variable);
    const std::string& given =
        !option.empty() || at == context.environment.end() ? option : at->second;
    return given.empty() ? std::string(usual) : base::absolute_path(context.cwd, given);
  };
  return {chosen(args.enable.unit_dir, "STACK_UNIT_DIR", "/etc/systemd/system"),
          chosen(args.enable.cron_dir, "STACK_CRON_DIR", "/etc/cron.d")};
}

std::string name_of(const Context& context, const std::string& project) {
  std::string out = "stack-reconcile";
  if (!project.empty()) out += "-" + project;
  // Two roots may each have a stack of this name.
  if (!context.root.empty()) out += "-" + context.roots.tag("enable", project);
  return out;
}

bool has_systemd(const Arguments& args) {
  if (!args.enable.unit_dir.empty()) return true;
  if (args.enable.cron || !args.enable.cron_dir.empty()) return false;
  return base::is_directory("/run/systemd/system");  // man 3 sd_booted
}

Schedule schedule_of(const Context& context, const Arguments& args, bool systemd) {
  const std::string project = args.reconcile.all ? std::string() : context.project().project;
  const Folders folders = folders_of(context, args);
  Schedule out;
  out.name = name_of(context, project);
  if (systemd) {
    add_units(out, context, project, folders.units);
  } else {
    add_cron(out, context, project, folders.cron);
  }
  return out;
}

bool write_link(const std::string& path, const std::string& target) {
  std::error_code none;
  if (std::filesystem::read_symlink(path, none) == target) return false;
  base::sys::make_dirs(base::parent_dir(path), 0755);
  const std::string temporary = base::cat(path, ".tmp.", ::getpid());
  if (::symlink(target.c_str(), temporary.c_str()) != 0) base::throw_errno("symlink", temporary);
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const int error = errno;
    (void)::unlink(temporary.c_str());
    throw base::SysError(error, "rename", path);
  }
  return true;
}

}  // namespace

int enable(const Context& context, const Arguments& args) {
  const Schedule schedule = schedule_of(context, args, has_systemd(args));
  std::string out;
  if (args.enable.print) {
    for (const UnitFile& file : schedule.files)
      out += base::cat("# ", file.path, "\n", file.text, "\n");
    write_text(STDOUT_FILENO, out);
    return kDone;
  }
  require_root("enable");
  bool changed = false;
  for (const UnitFile& file : schedule.files) {
    if (base::try_read_file(file.path) == file.text) continue;
    base::sys::make_dirs(base::parent_dir(file.path), 0755);
    base::write_atomic(file.path, file.text, {.mode = 0644, .durable = true});
    out += base::cat("wrote ", file.path, "\n");
    changed = true;
  }
  for (const auto& [path, target] : schedule.links) {
    if (!write_link(path, target)) continue;
    out += base::cat("wrote ", path, "\n");
    changed = true;
  }
  if (!changed) out = base::cat("unchanged: ", schedule.files.back().path, "\n");
  if (changed && schedule.systemd) {
    out +=
        base::cat("it begins with the next boot; now: systemctl daemon-reload && systemctl start ",
                  schedule.name, ".timer\n");
  }
  write_text(STDOUT_FILENO, out);
  return kDone;
}

int disable(const Context& context, const Arguments& args) {
  require_root("disable");
  std::string out;
  bool units = false;
  std::string name;
  for (const bool systemd : {true, false}) {
    const Schedule schedule = schedule_of(context, args, systemd);
    name = schedule.name;
    std::vector<std::string> paths;
    // First what starts it.
    for (const auto& link : schedule.links) paths.push_back(link.first);
    for (auto file = schedule.files.rbegin(); file != schedule.files.rend(); ++file) {
      paths.push_back(file->path);
    }
    for (const std::string& path : paths) {
      if (!base::exists(path)) continue;
      base::remove_file(path);
      out += base::cat("removed ", path, "\n");
      units = units || systemd;
    }
  }
  if (out.empty()) out = base::cat("not enabled: ", name, "\n");
  if (units) {
    out += base::cat("what runs of it ends with: systemctl stop ", name,
                     ".timer; systemctl daemon-reload\n");
  }
  write_text(STDOUT_FILENO, out);
  return kDone;
}

}  // namespace cli
