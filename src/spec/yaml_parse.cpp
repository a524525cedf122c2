#include "spec/yaml_parse.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <istream>
#include <streambuf>
#include <unordered_map>

#include "base/text.hpp"

namespace spec {
namespace {

struct Stop {};  // leaves the library's parser once the diagnostic is in the report

class ViewBuffer : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view text) {
    char* from = const_cast<char*>(text.data());  // a get area is never written through
    setg(from, from, from + text.size());
  }
};

std::size_t count_nodes(const Node& node) {
  std::size_t count = 1;
  for (const Node& child : node.children) count += count_nodes(child);
  return count;
}

class Builder : public YAML::EventHandler {
 public:
  Builder(std::uint32_t file, const Bounds& bounds, Report& report)
      : file_(file), bounds_(bounds), report_(report) {}

  std::vector<Node> documents;

  void OnDocumentStart(const YAML::Mark&) override { anchors_.clear(); }
  void OnDocumentEnd() override {
    if (!root_.is_null()) documents.push_back(std::move(root_));
    root_ = Node();
  }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(Node::scalar(Kind::Null, {}, at(mark)), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      report_.error(at(mark), "an alias inside the very value that its anchor names");
      throw Stop();
    }
    spend(found->second.nodes, at(mark));
    Node copy = found->second.node;
    alias_place_ = at(mark);
    add(std::move(copy), 0);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Node node = Node::string(value, at(mark));
    if (tag == "?" || tag == "tag:yaml.org,2002:int" || tag == "tag:yaml.org,2002:float" ||
        tag == "tag:yaml.org,2002:bool" || tag == "tag:yaml.org,2002:null") {
      resolve_plain(value, node);
    } else if (tag == "!reset") {
      node.tag = Tag::Reset;
    } else if (tag == "!override") {
      node.tag = Tag::Override;
      resolve_plain(value, node);
    } else if (tag != "!" && !base::starts_with(tag, "tag:yaml.org,2002:str") && !tag.empty()) {
      bad_tag(tag, at(mark));
    }
    add(std::move(node), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Node::sequence(at(mark)), tag, anchor);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Node::map(at(mark)), tag, anchor);
  }
  void OnMapEnd() override {
    if (open_.back().merges) apply_merge_keys(open_.back().node);
    close();
  }

 private:
  struct Anchor {
    Node node;
    std::size_t nodes = 0;
  };
  struct Open {
    Node node;
    YAML::anchor_t anchor = 0;
    bool has_key = false;
    bool merges = false;
    std::string key;
    Place key_place;
    // Only for large mappings; small ones are searched.
    std::unordered_map<std::string, std::size_t> index;
  };

  [[nodiscard]] Place at(const YAML::Mark& mark) const {
    return {file_, static_cast<std::uint32_t>(mark.line + 1),
            static_cast<std::uint32_t>(mark.column + 1)};
  }

  void spend(std::size_t nodes, Place place) {
    nodes_ += nodes;
    if (nodes_ <= bounds_.nodes) return;
    report_.error(place,
                  base::cat("more than ", bounds_.nodes, " values in one file, aliases expanded"),
                  "an alias that repeats aliases multiplies; write the values out");
    throw Stop();
  }

  void bad_tag(const std::string& tag, Place place) {
    if (tag == "?" || tag == "!" || tag.empty() || base::starts_with(tag, "tag:yaml.org,2002:")) {
      return;
    }
    report_.error(place, base::cat("the tag ", tag, " is not known"),
                  "a stack file knows !reset and !override");
  }

  void open(Node node, const std::string& tag, YAML::anchor_t anchor) {
    if (tag == "!reset") {
      node.tag = Tag::Reset;
    } else if (tag == "!override") {
      node.tag = Tag::Override;
    } else {
      bad_tag(tag, node.place);
    }
    if (open_.size() >= bounds_.depth) {
      report_.error(node.place, base::cat("nested more than ", bounds_.depth, " levels deep"));
      throw Stop();
    }
    if (!open_.empty() && open_.back().node.is_map() && !open_.back().has_key) {
      report_.error(node.place, "a key must be a string, not a list or mapping",
                    "text that begins with { or [ needs quotes");
      throw Stop();
    }
    spend(1, node.place);
    open_.emplace_back();
    open_.back().node = std::move(node);
    open_.back().anchor = anchor;
  }

  void close() {
    Node node = std::move(open_.back().node);
    const YAML::anchor_t anchor = open_.back().anchor;
    open_.pop_back();
    attach(std::move(node), anchor);
  }

  void add(Node node, YAML::anchor_t anchor) {
    spend(1, node.place);
    if (!open_.empty() && open_.back().node.is_map() && !open_.back().has_key) {
      take_key(std::move(node), anchor);
      return;
    }
    attach(std::move(node), anchor);
  }

  void take_key(Node node, YAML::anchor_t anchor) {
    Open& top = open_.back();
    if (!node.is_scalar()) {
      report_.error(node.place, "a key must be a string, not a list or mapping");
      throw Stop();
    }
    if (node.is_null()) {
      report_.error(node.place, "a key must be a string, not nothing",
                    "text before the colon is missing");
      throw Stop();
    }
    remember(node, anchor);
    top.has_key = true;
    top.key_place = alias_place_.known() ? alias_place_ : node.place;
    alias_place_ = {};
    top.key = std::move(node.text);
    if (top.key == "<<" && node.kind == Kind::String) top.merges = true;
    if (top.key != "<<") check_duplicate(top);
  }

  void check_duplicate(Open& top) {
    const Node* first = nullptr;
    const std::vector<Node>& children = top.node.children;
    if (children.size() < 32) {
      first = top.node.find(top.key);
    } else {
      for (std::size_t i = top.index.size(); i < children.size(); ++i) {
        top.index.emplace(children[i].key, i);
      }
      const auto found = top.index.find(top.key);
      if (found != top.index.end()) first = &children[found->second];
    }
    if (first == nullptr) return;
    report_.error(top.key_place, base::cat("the key '", top.key, "' is given twice"),
                  "keep one of the two", {{first->key_place, "first given here"}});
  }

  void remember(const Node& node, YAML::anchor_t anchor) {
    if (anchor == 0) return;
    anchors_[anchor] = {node, count_nodes(node)};
  }

  void attach(Node node, YAML::anchor_t anchor) {
    remember(node, anchor);
    alias_place_ = {};
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& top = open_.back();
    if (top.node.is_map()) {
      node.key = std::move(top.key);
      node.key_place = top.key_place;
      // The library gives an empty value the place of whatever comes next.
      if (node.is_null()) node.place = node.key_place;
      top.has_key = false;
    } else {
      node.key.clear();
      node.key_place = node.place;
    }
    top.node.children.push_back(std::move(node));
  }

  // https://yaml.org/type/merge.html: keys of the mapping itself win, then the earlier source.
  void apply_merge_keys(Node& map) {
    std::vector<Node> sources;
    std::vector<Node> own;
    for (Node& child : map.children)
      (child.key == "<<" ? sources : own).push_back(std::move(child));
    map.children = std::move(own);
    for (Node& source : sources) {
      if (source.is_map()) {
        merge_from(map, source);
        continue;
      }
      if (source.is_sequence()) {
        for (Node& part : source.children) merge_from(map, part);
        continue;
      }
      merge_from(map, source);
    }
  }

  void merge_from(Node& map, Node& source) {
    if (!source.is_map()) {
      report_.error(source.place,
                    base::cat("a merge key takes a mapping, this is ", kind_name(source.kind)),
                    "write <<: *anchor with an anchor of a mapping");
      return;
    }
    for (Node& child : source.children) {
      if (map.find(child.key) == nullptr) map.children.push_back(std::move(child));
    }
  }

  std::uint32_t file_;
  const Bounds& bounds_;
  Report& report_;
  std::size_t nodes_ = 0;
  Node root_;
  Place alias_place_;
  std::vector<Open> open_;
  std::unordered_map<YAML::anchor_t, Anchor> anchors_;
};

// The library's messages name rules of its grammar; people need the usual cause.
std::string cause(const std::string& message) {
  if (message.find("map value") != std::string::npos) {
    return "often a ': ' inside an unquoted text, or an indentation that does not match";
  }
  if (message.find("end of map") != std::string::npos ||
      message.find("end of sequence") != std::string::npos) {
    return "often an indentation that does not match, or a bracket that is not closed";
  }
  if (message.find("alias") != std::string::npos) return "an anchor is made with &name before it";
  if (message.find("unknown token") != std::string::npos) {
    return "a tab may not indent, and text beginning with @, ` or % needs quotes";
  }
  return "check the indentation and the quotes around this place";
}

}  // namespace

std::vector<Node> parse_yaml(std::string_view text, std::uint32_t file, const Bounds& bounds,
                             Report& report) {
  if (base::starts_with(text, "\xef\xbb\xbf")) text.remove_prefix(3);
  Builder builder(file, bounds, report);
  try {
    ViewBuffer buffer(text);
    std::istream in(&buffer);
    YAML::Parser parser(in);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Stop&) {
  } catch (const YAML::Exception& error) {
    Place place{file, 1, 1};
    if (error.mark.line >= 0) {
      place.line = static_cast<std::uint32_t>(error.mark.line + 1);
      place.column = static_cast<std::uint32_t>(error.mark.column + 1);
    }
    report.error(place, "not valid YAML: " + error.msg, cause(error.msg));
  }
  return std::move(builder.documents);
}

}  // namespace spec
