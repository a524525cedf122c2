#include "spec/environment.hpp"

#include "base/files.hpp"

namespace spec {

std::optional<std::string> Environment::find(const std::string& name) const {
  const auto at = values_.find(name);
  return at == values_.end() ? std::nullopt : std::optional<std::string>(at->second);
}

Lookup Environment::lookup() const {
  return [this](const std::string& name) { return find(name); };
}

std::optional<std::uint32_t> Environment::file_of(const std::string& name) const {
  const auto at = files_.find(name);
  return at == files_.end() ? std::nullopt : std::optional<std::uint32_t>(at->second);
}

void Environment::add_files(const std::vector<File>& files, Sources& sources, Report& report) {
  const std::map<std::string, std::string> before = values_;
  for (const File& file : files) {
    const std::string text = base::read_file(file.path, 1U << 20U);
    DotenvOptions options;
    options.file = static_cast<std::uint32_t>(sources.size());
    sources.push_back({file.shown, text, SourceRole::Variables, {}});
    for (auto& [key, value] : parse_dotenv(text, options, lookup(), report)) {
      if (before.count(key) != 0) continue;
      values_[key] = std::move(value);
      files_[key] = options.file;
    }
  }
}

}  // namespace spec
