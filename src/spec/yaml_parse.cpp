#include "spec/yaml_parse.hpp"

#include <unordered_map>

#include "base/text.hpp"
#include "spec/yaml_tape.hpp"

namespace spec {
namespace {

constexpr std::string_view kStandard = "tag:yaml.org,2002:";
constexpr std::size_t kSearched = 32;  // children of a mapping that are searched, not hashed

// Where a value stands and what brought it there.
struct Origin {
  Via via = Via::Text;
  Place place;

  // The outermost of several is the one that a reader of the file sees.
  [[nodiscard]] Origin through(Via kind, Place at) const {
    return via == Via::Text ? Origin{kind, at} : *this;
  }
};

// Keys of one mapping while it is filled.
class Keys {
 public:
  explicit Keys(const Node& map) : map_(map) {}

  const Node* find(const std::string& key) {
    const std::vector<Node>& children = map_.children;
    if (children.size() < kSearched) return map_.find(key);
    for (; indexed_ < children.size(); ++indexed_) index_.emplace(children[indexed_].key, indexed_);
    const auto found = index_.find(key);
    return found == index_.end() ? nullptr : &children[found->second];
  }

 private:
  const Node& map_;
  std::unordered_map<std::string, std::size_t> index_;
  std::size_t indexed_ = 0;
};

class NodeBuilder {
 public:
  NodeBuilder(const Tape& tape, Report& report) : tape_(tape), report_(report) {}

  Node run() {
    Node root;
    value(0, root, {});
    return root;
  }

 private:
  [[nodiscard]] const Event& event(std::uint32_t index) const { return tape_.events[index]; }

  void value(std::uint32_t index, Node& out, Origin origin) {
    const Event* at = &event(index);
    if (at->type == EventType::Alias) {
      origin = origin.through(Via::Alias, at->place);
      index = at->text;
      at = &event(index);
    }
    out.place = at->place;
    out.via = origin.via;
    out.via_place = origin.place;
    switch (at->type) {
      case EventType::Empty:
      case EventType::Null:
        break;
      case EventType::Plain:
      case EventType::Quoted:
        scalar(*at, out);
        break;
      case EventType::Sequence:
        out.kind = Kind::Sequence;
        tag_of_collection(*at, out);
        out.children.reserve(at->size);
        for (std::uint32_t i = index + 1; i < at->end; i = event(i).end) {
          Node& child = out.children.emplace_back();
          value(i, child, origin);
          child.key_place = child.place;
        }
        break;
      case EventType::Map:
        out.kind = Kind::Map;
        tag_of_collection(*at, out);
        map(index, out, origin);
        break;
      case EventType::Alias:
        break;  // an alias names a value, never an alias
    }
  }

  void scalar(const Event& at, Node& out) {
    const std::string_view text = tape_.text_of(at);
    out.block = at.block;
    const std::string& tag = tape_.tags[at.tag];
    if (tag.empty()) {
      if (at.type == EventType::Plain) return resolve_plain(text, out);
      out.kind = Kind::String;
      out.text = text;
      return;
    }
    if (tag == "!reset" || tag == "!override") {
      out.tag = tag == "!reset" ? Tag::Reset : Tag::Override;
      if (at.type == EventType::Plain) return resolve_plain(text, out);
      out.kind = Kind::String;
      out.text = text;
      return;
    }
    if (!base::starts_with(tag, kStandard)) return unknown_tag(tag, at.place);
    standard_scalar(std::string_view(tag).substr(kStandard.size()), text, at.place, out);
  }

  // https://yaml.org/type/: the text must be one that the tag's type can be written as.
  void standard_scalar(std::string_view type, std::string_view text, Place place, Node& out) {
    out.kind = Kind::String;
    out.text = text;
    if (type == "str" || type == "timestamp" || type == "merge") return;
    if (type != "int" && type != "float" && type != "bool" && type != "null") {
      return unknown_tag(base::cat("!!", type), place);
    }
    resolve_plain(text, out);
    const bool fits = (type == "int" && out.kind == Kind::Int) ||
                      (type == "float" && (out.kind == Kind::Float || out.kind == Kind::Int)) ||
                      (type == "bool" && out.kind == Kind::Bool) ||
                      (type == "null" && out.kind == Kind::Null);
    if (fits) {
      if (type == "float") out.kind = Kind::Float;
      return;
    }
    report_.error(place, base::cat("'", text, "' cannot be read as !!", type),
                  "remove the tag, or write a value of that type");
  }

  void tag_of_collection(const Event& at, Node& out) {
    const std::string& tag = tape_.tags[at.tag];
    if (tag.empty()) return;
    if (tag == "!reset") {
      out.tag = Tag::Reset;
    } else if (tag == "!override") {
      out.tag = Tag::Override;
    } else {
      for (const char* known : {"map", "seq", "set", "omap", "pairs"}) {
        if (tag == base::cat(kStandard, known)) return;
      }
      const bool standard = base::starts_with(tag, kStandard);
      unknown_tag(standard ? "!!" + tag.substr(kStandard.size()) : tag, at.place);
    }
  }

  void unknown_tag(std::string_view tag, Place place) {
    report_.error(place, base::cat("the tag ", tag, " is not known"),
                  "a stack file knows !reset and !override");
  }

  void map(std::uint32_t index, Node& out, const Origin& origin) {
    const std::uint32_t end = event(index).end;
    out.children.reserve(event(index).size / 2);
    Keys keys(out);
    std::uint32_t merge = 0;
    std::unordered_map<std::string, std::uint32_t> aliases;  // keys of this mapping → anchor
    for (std::uint32_t i = index + 1; i < end;) {
      const std::uint32_t of_value = event(i).end;
      std::string key;
      const Place place = event(i).place;
      if (is_merge(event(i))) {
        if (merge != 0) {
          report_.error(place, "the merge key << is given twice", "write one: <<: [*a, *b]",
                        {{event(merge).place, "first given here"}});
        }
        merge = i;
      } else if (key_text(event(i), key)) {
        if (const Node* first = keys.find(key); first != nullptr && origin.via == Via::Text) {
          report_.error(place, base::cat("the key '", key, "' is given twice"),
                        "keep one of the two", {{first->key_place, "first given here"}});
        }
        Node& child = out.children.emplace_back();
        value(of_value, child, origin);
        child.key = std::move(key);
        child.key_place = place;
        if (event(of_value).type == EventType::Empty) child.place = place;
        if (event(of_value).type == EventType::Alias) {
          aliases.emplace(child.key, event(of_value).text);
        }
      }
      i = event(of_value).end;
    }
    if (merge != 0) merge_key(event(merge).end, out, keys, origin, event(merge).place);
    if (aliases.size() > 1) check_dotted_twins(out, aliases);
  }

  // docker compose takes what stands at `web.api` for a part of what stands at `web`, and refuses
  // the file as circular when both are aliases of one anchor.
  void check_dotted_twins(const Node& map,
                          const std::unordered_map<std::string, std::uint32_t>& aliases) {
    for (const Node& child : map.children) {
      const auto own = aliases.find(child.key);
      if (own == aliases.end()) continue;
      for (std::size_t dot = child.key.find('.'); dot != std::string::npos;
           dot = child.key.find('.', dot + 1)) {
        const auto twin = aliases.find(child.key.substr(0, dot));
        if (twin == aliases.end() || twin->second != own->second) continue;
        report_.error(child.key_place,
                      base::cat("the same alias stands at ", twin->first, " and at ", child.key,
                                ", which reads as a part of it"),
                      "docker compose refuses this as a circle: name one of the two differently",
                      {{map.find(twin->first)->key_place, "the other one"}});
      }
    }
  }

  [[nodiscard]] bool is_merge(const Event& key) const {
    if (key.type != EventType::Plain || tape_.text_of(key) != "<<") return false;
    return key.tag == 0 || tape_.tags[key.tag] == "tag:yaml.org,2002:merge";
  }

  // False, with an error, when the key is no string.
  bool key_text(const Event& key, std::string& text) {
    const Event& at = key.type == EventType::Alias ? event(key.text) : key;
    if (at.type == EventType::Map || at.type == EventType::Sequence) {
      report_.error(key.place, "a key must be a string, not a list or mapping",
                    "text that begins with { or [ needs quotes");
      return false;
    }
    Node read;
    if (at.type == EventType::Plain || at.type == EventType::Quoted) scalar(at, read);
    if (read.is_string()) {
      text = std::move(read.text);
      return true;
    }
    report_.error(key.place, base::cat("a key must be a string, not ", kind_name(read.kind)),
                  at.type != EventType::Plain || at.size == 0
                      ? std::string("text before the colon is missing")
                      : base::cat("write it in quotes: \"", tape_.text_of(at), "\":"));
    return false;
  }

  // https://yaml.org/type/merge.html: keys of the mapping itself win, then the earlier source.
  void merge_key(std::uint32_t index, Node& out, Keys& keys, const Origin& origin, Place place) {
    const Origin merged = origin.through(Via::MergeKey, place);
    const Event& at = event(index);
    const std::uint32_t source = at.type == EventType::Alias ? at.text : index;
    if (event(source).type != EventType::Sequence) {
      return merge_from(index, out, keys, merged);
    }
    for (std::uint32_t i = source + 1; i < event(source).end; i = event(i).end) {
      merge_from(i, out, keys, merged);
    }
  }

  void merge_from(std::uint32_t index, Node& out, Keys& keys, const Origin& origin) {
    Node source;
    value(index, source, origin);
    if (!source.is_map()) {
      report_.error(event(index).place,
                    base::cat("a merge key takes a mapping, this is ", kind_name(source.kind)),
                    "write <<: *anchor with an anchor of a mapping");
      return;
    }
    for (Node& child : source.children) {
      if (keys.find(child.key) == nullptr) out.children.push_back(std::move(child));
    }
  }

  const Tape& tape_;
  Report& report_;
};

}  // namespace

std::vector<Node> parse_yaml(std::string_view text, std::uint32_t file, const Bounds& bounds,
                             Report& report) {
  if (base::starts_with(text, "\xef\xbb\xbf")) text.remove_prefix(3);
  std::vector<Node> documents;
  read_yaml(text, file, bounds, report,
            [&](const Tape& tape) { documents.push_back(NodeBuilder(tape, report).run()); });
  return documents;
}

}  // namespace spec
