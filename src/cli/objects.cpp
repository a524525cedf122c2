#include "cli/objects.hpp"

#include <unistd.h>

#include <iostream>

#include "base/error.hpp"
#include "cli/errors.hpp"
#include "cli/terminal.hpp"

namespace cli {

std::map<std::string, std::string> parse_labels(const std::vector<std::string>& words) {
  std::map<std::string, std::string> out;
  for (const std::string& word : words) {
    const auto at = word.find('=');
    out[word.substr(0, at)] = at == std::string::npos ? "" : word.substr(at + 1);
  }
  return out;
}

void check_object_name(const std::string& kind, const std::string& name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  bool ok = !name.empty() && name.size() <= 200 && plain(name[0]);
  for (const char c : name) ok = ok && (plain(c) || c == '_' || c == '.' || c == '-');
  if (ok) return;
  throw base::Error(base::cat("bad name for a ", kind, ": \"", name, "\""),
                    "letters, digits, and _ . - after the first character");
}

bool agreed(const std::string& question, bool force) {
  if (force) return true;
  if (!is_terminal(STDIN_FILENO))
    throw base::Error("nobody to ask: standard input is no terminal", "-f");
  write_text(STDERR_FILENO, question + " [y/N] ");
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

int remove_each(const Context& context, const std::vector<std::string>& names,
                const std::function<void(const std::string&)>& remove) {
  int status = kDone;
  for (const std::string& name : names) {
    try {
      remove(name);
      write_text(STDOUT_FILENO, name + "\n");
    } catch (const base::Error& error) {
      write_text(STDERR_FILENO, render_error(error, context.err_colour));
      status = kFailed;
    }
  }
  return status;
}

std::map<std::string, std::set<std::string>> objects_in_use(const Context& context,
                                                            ObjectKind kind) {
  std::map<std::string, std::set<std::string>> out;
  for (const executor::KnownStack& known : executor::known_stacks(context.roots)) {
    const auto intent = executor::recorded_intent({context.roots, known.project});
    if (!intent) continue;
    const auto add = [&](const std::string& object, const std::string& container) {
      if (!object.empty()) out[object].insert(base::cat(container, " (stack ", known.project, ")"));
    };
    for (const planner::Container& container : intent->containers) {
      if (kind == ObjectKind::Network) {
        for (const auto& each : container.endpoints) add(each.network, container.name);
      } else {
        for (const auto& each : container.mounts) {
          if (each.type == spec::MountType::Volume) add(each.source, container.name);
        }
      }
    }
  }
  return out;
}

}  // namespace cli
