// env_file and label_file: read, and merged below what the service itself says.
#include "base/files.hpp"
#include "base/text.hpp"
#include "spec/discover.hpp"
#include "spec/normalise.hpp"

namespace spec {
namespace {

class EnvFileReader {
 public:
  EnvFileReader(const Environment& environment, const std::string& shown_from, Sources& sources,
                Report& report)
      : environment_(environment), shown_from_(shown_from), sources_(sources), report_(report) {}

  void run(Node& service) {
    if (!service.is_map()) return;
    merge_files(service, "env_file", "environment");
    merge_files(service, "label_file", "labels");
  }

 private:
  // The service's own keys win, even those without a value.
  void merge_files(Node& service, std::string_view from, std::string_view into) {
    Node* files = service.find(from);
    if (files == nullptr) return;
    Node* own = service.find(into);
    Node read = Node::map(files->place);
    read.key_place = files->key_place;
    for (const Node& file : files->children) {
      const bool labels = !file.is_map();
      const Node* path = labels ? &file : file.find("path");
      if (path != nullptr) one_file(file, *path, own, read);
    }
    service.erase(from);
    own = service.find(into);
    if (read.children.empty()) return;
    if (own == nullptr) {
      service.set(into, std::move(read));
      return;
    }
    KeyIndex index(*own);
    std::vector<Node> missing;
    for (Node& child : read.children) {
      if (index.find(child.key) == nullptr) missing.push_back(std::move(child));
    }
    for (Node& child : missing) own->children.push_back(std::move(child));
  }

  void one_file(const Node& file, const Node& path, const Node* own, Node& into) {
    const Node* required = file.find("required");
    const bool labels = !file.is_map();
    const std::string_view what = labels ? "label_file" : "env_file";
    if (!base::exists(path.text) && required != nullptr && required->text == "false") return;
    const auto source = read(path, what);
    if (!source) return;
    const std::string& text = sources_[*source].text;
    const std::string format = file.text_of("format");
    if (!format.empty() && format != "raw") {
      const Node& given = *file.find("format");
      report_.error(given.place, base::cat("env_file: the format '", format, "' is not known"),
                    "the only format is raw");
    }
    DotenvOptions options;
    options.file = *source;
    if (format == "raw") options.format = DotenvFormat::Raw;
    KeyIndex index(into);
    const Lookup lookup = [&](const std::string& name) -> std::optional<std::string> {
      if (auto value = environment_.find(name); value && !labels) return value;
      const Node* mine = own == nullptr || labels ? nullptr : own->find(name);
      if (mine != nullptr && !mine->is_null()) return mine->text;
      if (const Node* earlier = index.find(name)) return earlier->text;
      return {};
    };
    for (auto& [key, value] : parse_dotenv(text, options, lookup, report_)) {
      Node node = Node::string(std::move(value), path.place);
      node.key = key;
      node.via = Via::EnvFile;
      node.via_place = {options.file, 0, 0};
      if (Node* earlier = index.find(key)) {
        *earlier = std::move(node);
      } else {
        index.add(std::move(node));
      }
    }
  }

  // A file that many services name is kept once, but parsed for each: their variables differ.
  std::optional<std::uint32_t> read(const Node& path, std::string_view what) {
    auto [known, added] = read_.try_emplace(path.text);
    if (added) known->second = open(path, what);
    if (!known->second) return {};
    const std::size_t size = sources_[*known->second].text.size();
    if (bytes_ > kMostBytes) return {};  // said already
    bytes_ += size;
    if (bytes_ <= kMostBytes) return known->second;
    report_.error(path.place, base::cat("the services read more than ", kMostBytes, " bytes of ",
                                        what, "s together"));
    return {};
  }

  std::optional<std::uint32_t> open(const Node& path, std::string_view what) {
    std::string text;
    try {
      text = base::read_file(path.text, 1U << 20U);
    } catch (const base::Error& error) {
      std::string hint = "make it readable for the user who runs this";
      if (!base::exists(path.text)) {
        hint = what == "label_file"
                   ? "create it"
                   : "create it, or write {path: ..., required: false} if it may be absent";
      }
      report_.error(path.place, base::cat(what, ": ", error.what()), std::move(hint));
      return {};
    }
    if (text.find('\0') != std::string::npos) {
      report_.error(path.place,
                    base::cat(what, " ", path.text, " is not a text file: it holds a NUL byte"));
      return {};
    }
    const auto index = static_cast<std::uint32_t>(sources_.size());
    sources_.push_back(
        {shown_name(path.text, shown_from_), std::move(text), SourceRole::EnvFile, path.place});
    return index;
  }

  static constexpr std::size_t kMostBytes = 64U << 20U;
  const Environment& environment_;
  const std::string& shown_from_;
  Sources& sources_;
  Report& report_;
  std::map<std::string, std::optional<std::uint32_t>> read_;
  std::size_t bytes_ = 0;
};

}  // namespace

void read_env_files(Node& document, const Environment& environment, const std::string& shown_from,
                    Sources& sources, Report& report) {
  Node* services = document.find("services");
  if (services == nullptr) return;
  EnvFileReader reader(environment, shown_from, sources, report);
  for (Node& service : services->children) reader.run(service);
}

}  // namespace spec
