// The manual names every command and every option that the program knows: docs/stack.1 and
// docs/commands.md with all their options, the table of README.md the commands.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/arguments.hpp"

namespace {

using Words = std::vector<std::string>;

// As words: an option ends at anything that cannot be part of one.
std::set<std::string> words_of(const std::string& text) {
  std::set<std::string> out;
  std::string word;
  for (const char c : text + " ") {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-') {
      word += c;
    } else if (!word.empty()) {
      out.insert(word);
      word.clear();
    }
  }
  return out;
}

// "network create", "network ls" of `network create\\|ls NAME`: words of lower case, each of which
// may be several.
void expand(std::string_view code, std::set<std::string>& out) {
  Words made = {""};
  for (const std::string& word : base::split(code, ' ')) {
    const bool name = !word.empty() && std::all_of(word.begin(), word.end(), [](const char c) {
      return (c >= 'a' && c <= 'z') || c == '|' || c == '\\';
    });
    if (!name) break;
    Words next;
    for (std::string each : base::split(word, '|')) {
      std::erase(each, '\\');
      for (const std::string& before : made) {
        next.push_back(before.empty() ? each : base::cat(before, " ", each));
      }
    }
    made = next;
  }
  out.insert(made.begin(), made.end());
}

// Of a heading with commands between grave accents.
std::set<std::string> commands_of(const std::string& heading) {
  std::set<std::string> out;
  const Words parts = base::split(heading, '`');
  for (std::size_t i = 1; i < parts.size(); i += 2) expand(parts[i], out);
  return out;
}

// What is said of each command; "" is what stands before one.
using Manual = std::map<std::string, std::string>;

// man: without what only says how letters look.
std::string plain(const std::string& line) {
  std::string out;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"') continue;
    if (line[i] != '\\') {
      out += line[i];
    } else if (i + 1 < line.size() && line[i + 1] == 'f') {
      i += 2;
    }
  }
  return out;
}

// Entries begin with .TP and a heading: commands, separated by commas.
Manual read_man() {
  Manual out;
  std::string section;
  Words about;
  bool heading = false;
  for (const std::string& raw : base::split(base::read_file("docs/stack.1"), '\n')) {
    const std::string line = plain(raw);
    if (base::starts_with(line, ".SH ")) {
      section = line.substr(4);
      about.clear();
    } else if (line == ".TP") {
      about.clear();
      heading = true;
    } else if (heading) {
      heading = false;
      if (section == "GLOBAL OPTIONS") {
        about = {""};
        out[""] += " " + line;
      } else if (section == "COMMANDS") {
        for (const std::string& part : base::split(line.substr(line.find(' ') + 1), ',')) {
          about.emplace_back(base::trim(part));
          out[about.back()] += " ";
        }
      }
    } else {
      for (const std::string& name : about) out[name] += " " + line;
    }
  }
  return out;
}

// Rows of tables: the first column is the heading.
Manual read_tables(const std::string& path) {
  Manual out;
  std::string section;
  for (const std::string& line : base::split(base::read_file(path), '\n')) {
    if (base::starts_with(line, "## ")) section = line.substr(3);
    const auto end = line.find(" | ", 2);
    if (!base::starts_with(line, "| `") || end == std::string::npos) continue;
    const std::string heading = line.substr(2, end - 2);
    if (section == "Everywhere") {
      out[""] += " " + heading;
      continue;
    }
    for (const std::string& name : commands_of(heading)) out[name] += " " + line;
  }
  return out;
}

TEST(Docs, ThePageOfTheManualNamesEveryOption) {
  const auto commands = cli::known_commands();
  const Manual manual = read_man();
  for (const cli::KnownCommand& command : commands) {
    const auto said = manual.find(command.name);
    if (said == manual.end()) {
      ADD_FAILURE() << "docs/stack.1 says nothing of `" << command.name << "`";
      continue;
    }
    const std::set<std::string> words = words_of(said->second);
    for (const Words& option : command.options) {
      for (const std::string& name : option) {
        EXPECT_TRUE(words.contains(name))
            << "docs/stack.1: `" << command.name << "` without " << name;
      }
    }
  }
}

TEST(Docs, TheTableOfCommandsNamesEveryOption) {
  const auto commands = cli::known_commands();
  const Manual manual = read_tables("docs/commands.md");
  for (const cli::KnownCommand& command : commands) {
    const auto said = manual.find(command.name);
    if (said == manual.end()) {
      ADD_FAILURE() << "docs/commands.md says nothing of `" << command.name << "`";
      continue;
    }
    const std::set<std::string> words = words_of(said->second);
    for (const Words& option : command.options) {
      EXPECT_TRUE(std::any_of(option.begin(), option.end(),
                              [&](const std::string& name) { return words.contains(name); }))
          << "docs/commands.md: `" << command.name << "` without " << base::join(option, ", ");
    }
  }
}

TEST(Docs, TheReadmeNamesEveryCommand) {
  const Manual manual = read_tables("README.md");
  for (const cli::KnownCommand& command : cli::known_commands()) {
    EXPECT_TRUE(command.name.empty() || manual.contains(command.name))
        << "README.md says nothing of `" << command.name << "`";
  }
}

// The other way round: an option that has gone must not be promised.
TEST(Docs, ThePageOfTheManualPromisesNothingElse) {
  std::set<std::string> known;
  for (const cli::KnownCommand& command : cli::known_commands()) {
    for (const Words& option : command.options) known.insert(option.begin(), option.end());
  }
  for (const auto& [name, text] : read_man()) {
    for (const std::string& word : words_of(text)) {
      if (!base::starts_with(word, "--")) continue;
      EXPECT_TRUE(known.contains(word)) << "docs/stack.1: `" << name << "` has no " << word;
    }
  }
}

}  // namespace
