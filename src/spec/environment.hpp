// Environment: the variables a stack file sees, and from which file each came. The shell beats
// the files, a later file an earlier one.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "spec/dotenv.hpp"
#include "spec/report.hpp"

namespace spec {

class Environment {
 public:
  Environment() = default;
  explicit Environment(std::map<std::string, std::string> shell) : values_(std::move(shell)) {}

  [[nodiscard]] std::optional<std::string> find(const std::string& name) const;
  // For functions that take a Lookup; this must outlive it.
  [[nodiscard]] Lookup lookup() const;
  void set(const std::string& name, std::string value) { values_[name] = std::move(value); }

  // Adds the variables of .env files; what was there before the first of them stays. `names`: as
  // shown to people.
  struct File {
    std::string path, shown;
  };
  void add_files(const std::vector<File>& files, Sources& sources, Report& report);

  [[nodiscard]] const std::map<std::string, std::string>& all() const { return values_; }
  // Index of the file in the sources; nothing: the shell, or ours.
  [[nodiscard]] std::optional<std::uint32_t> file_of(const std::string& name) const;

 private:
  std::map<std::string, std::string> values_;
  std::map<std::string, std::uint32_t> files_;
};

}  // namespace spec
