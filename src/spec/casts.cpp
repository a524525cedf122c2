#include "spec/casts.hpp"

#include "base/text.hpp"
#include "spec/short_forms.hpp"
#include "spec/units.hpp"

namespace spec {
namespace {

std::string lower(std::string_view text) {
  std::string out;
  for (const char c : text) out += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

void from_octal(Node& node, std::uint64_t value) {
  std::string digits;
  for (; value != 0; value /= 8) digits.insert(digits.begin(), static_cast<char>('0' + value % 8));
  node.kind = Kind::String;
  node.text = "0" + (digits.empty() ? std::string("0") : digits);
}

}  // namespace

void wrong_type(const Node& node, const Path& path, std::string_view wanted, Report& report) {
  std::string hint;
  if (node.is_null()) {
    hint = "give it a value or remove the key";
  } else if (node.is_scalar() && !node.is_string() && wanted == "a string") {
    hint = base::cat("write it in quotes: \"", node.text, "\"");
  }
  const std::string shown = node.is_string() && node.text.size() <= 40
                                ? base::cat("'", node.text, "'")
                                : std::string(kind_name(node.kind));
  report.error(node.place, base::cat(path.str(), " must be ", wanted, ", not ", shown),
               std::move(hint));
}

// Text that stands for a boolean: https://yaml.org/type/bool.html.
void as_bool(Node& node, const Path& path, Report& report) {
  if (node.kind == Kind::Bool) return;
  if (node.is_string()) {
    const std::string text = lower(node.text);
    const bool yes = text == "true" || text == "yes" || text == "y" || text == "on";
    const bool no = text == "false" || text == "no" || text == "n" || text == "off";
    if (yes || no) {
      node.kind = Kind::Bool;
      node.text = yes ? "true" : "false";
      return;
    }
  }
  wrong_type(node, path, "true or false", report);
}

void as_integer(Node& node, const Path& path, Report& report) {
  if (node.is_string()) {
    std::string_view digits = node.text;
    if (base::starts_with(digits, "+")) digits.remove_prefix(1);
    if (const auto value = base::parse_int(digits)) {
      node.kind = Kind::Int;
      node.text = std::to_string(*value);
    }
  } else if (node.kind == Kind::Float && node.text.find_first_of(".e") == std::string::npos) {
    node.kind = Kind::Int;
  }
  if (node.kind != Kind::Int) wrong_type(node, path, "a whole number", report);
}

void as_number(Node& node, const Path& path, Report& report) {
  if (node.is_string()) {
    Node read;
    resolve_plain(node.text, read);
    if (read.kind == Kind::Int || read.kind == Kind::Float) {
      const auto value = base::parse_double(read.text);
      node.kind = Kind::Float;
      node.text = value ? number_text(*value) : read.text;
    }
  }
  if (node.kind == Kind::Float && node.text.find_first_of(".e") == std::string::npos) {
    node.kind = Kind::Int;
  }
  if (node.kind == Kind::Int || node.kind == Kind::Float) return;
  wrong_type(node, path, "a number", report);
}

void as_bytes(Node& node, const Path& path, Report& report) {
  if (node.kind != Kind::Int && !node.is_string()) {
    wrong_type(node, path, "a size such as 64m", report);
    return;
  }
  const auto bytes = parse_bytes(node.text);
  if (!bytes) {
    report.error(node.place, base::cat(path.str(), ": '", node.text, "' is not a size"),
                 "a size is a number with b, k, m or g: 64m, 1.5g");
    return;
  }
  node.kind = Kind::String;
  node.text = std::to_string(*bytes);
}

void as_duration(Node& node, const Path& path, Report& report) {
  const auto duration = node.is_string() ? parse_duration(node.text) : std::nullopt;
  if (!duration) {
    report.error(node.place,
                 base::cat(path.str(), ": ", node.is_scalar() ? "'" + node.text + "'" : "this",
                           " is not a duration"),
                 node.kind == Kind::Int
                     ? base::cat("give the unit: ", node.text, "s")
                     : std::string("a duration is a number with a unit: 500ms, 30s, 1m30s, 2h"));
    return;
  }
  if (duration->count() < 0) {
    report.run_error(node.place, base::cat(path.str(), ": a duration cannot be negative"));
  }
  node.text = duration_text(*duration);
}

void as_file_mode(Node& node, const Path& path, Report& report) {
  if (node.kind == Kind::Int) {
    if (const auto value = base::parse_uint(node.text)) return from_octal(node, *value);
  } else if (node.is_string() && !node.text.empty() && node.text.size() <= 12) {
    std::uint64_t value = 0;
    bool octal = true;
    for (const char c : node.text) {
      octal = octal && c >= '0' && c <= '7';
      value = value * 8 + static_cast<std::uint64_t>(c - '0');
    }
    if (octal) return from_octal(node, value);
  }
  wrong_type(node, path, "a file mode such as 0440", report);
}

void as_list(Node& node, const Path& path, Report& report, Items items) {
  if (!node.is_sequence()) {
    wrong_type(node, path, "a list", report);
    return;
  }
  const bool numbers = items == Items::TextOrNumber;
  for (Node& item : node.children) {
    const bool fits =
        item.is_string() || (numbers && (item.kind == Kind::Int || item.kind == Kind::Float));
    if (fits) {
      item.kind = Kind::String;
    } else if (item.tag != Tag::Reset) {
      wrong_type(item, path, numbers ? "a list of strings or numbers" : "a list of strings",
                 report);
    }
  }
}

void as_words(Node& node, const Path& path, Report& report) {
  if (node.is_null()) return;
  if (!node.is_string()) {
    if (!node.is_sequence()) {
      wrong_type(node, path, "a string or a list", report);
      return;
    }
    for (Node& item : node.children) {
      if (!item.is_string()) wrong_type(item, path, "a string", report);
    }
    return;
  }
  std::vector<std::string> words;
  std::string dropped;
  if (!split_words(node.text, words, &dropped)) {
    report.error(node.place, base::cat(path.str(), ": a quote or bracket is not closed"),
                 "write the command as a list: [\"program\", \"argument\"]");
    return;
  }
  if (!dropped.empty()) {
    report.warning(
        node.place,
        base::cat(path.str(), ": no shell runs this: '", dropped.substr(0, 60), "' is dropped"),
        "write [\"sh\", \"-c\", \"...\"] for a shell's operators");
  }
  node.kind = Kind::Sequence;
  node.text.clear();
  for (std::string& word : words) {
    node.children.push_back(Node::string(std::move(word), node.place));
  }
}

void as_mapping(Node& node, const Path& path, Report& report, Nulls nulls) {
  if (node.is_sequence()) {
    Node map = Node::map(node.place);
    KeyIndex index(map);
    for (Node& item : node.children) {
      if (item.tag == Tag::Reset) continue;
      if (!item.is_string()) {
        if (item.is_map() && item.children.size() == 1) {
          report.error(item.place,
                       base::cat(path.str(), ": an entry of the list is KEY=VALUE, not KEY: VALUE"),
                       "remove the dash, or write '=' for ': '");
        } else {
          wrong_type(item, path, "a list of KEY=VALUE", report);
        }
        continue;
      }
      const std::size_t equals = item.text.find('=');
      const std::string_view key = std::string_view(item.text).substr(0, equals);
      if (nulls == Nulls::Kept && !key.empty() && (key.back() == ' ' || key.back() == '\t')) {
        report.error(item.place, base::cat(path.str(), ": a blank before the '=' of ", key),
                     "write NAME=value without blanks");
      }
      Node value = Node::scalar(Kind::Null, {}, item.place);
      if (equals != std::string::npos) {
        value = Node::string(item.text.substr(equals + 1), item.place);
      }
      value.key = key;
      value.via = item.via;
      value.via_place = item.via_place;
      if (Node* earlier = index.find(value.key)) {
        *earlier = std::move(value);
      } else {
        index.add(std::move(value));
      }
    }
    map.take_name_of(node);
    node = std::move(map);
  } else if (!node.is_map()) {
    wrong_type(node, path, "a mapping or a list of KEY=VALUE", report);
    return;
  }
  for (Node& child : node.children) {
    if (!child.is_scalar()) {
      wrong_type(child, Path{&path, child.key}, "a string or a number", report);
    } else if (!child.is_null() || nulls == Nulls::Emptied) {
      child.kind = Kind::String;
    }
  }
}

void as_options(Node& node, const Path& path, Report& report) {
  if (!node.is_map()) {
    wrong_type(node, path, "a mapping", report);
    return;
  }
  for (Node& child : node.children) {
    if (!child.is_scalar() || child.kind == Kind::Bool) {
      wrong_type(child, Path{&path, child.key}, "a string or a number", report);
    } else {
      child.kind = Kind::String;
    }
  }
}

namespace {
std::string host_entry(std::string_view name, std::string_view address) {
  if (address.size() > 2 && address.front() == '[' && address.back() == ']') {
    address = address.substr(1, address.size() - 2);
  }
  return base::cat(name, "=", address);
}
}  // namespace

void as_hosts(Node& node, const Path& path, Report& report) {
  std::vector<Node> out;
  const auto push = [&](std::string_view name, std::string_view address, Place place) {
    if (name.empty() || name.find_first_of(":=") != std::string_view::npos) {
      report.error(place, base::cat(path.str(), ": '", name, "' is not a host's name"),
                   "an entry reads NAME=ADDRESS");
      return;
    }
    out.push_back(Node::string(host_entry(name, address), place));
  };
  if (node.is_map()) {
    for (const Node& child : node.children) {
      if (child.is_sequence()) {
        for (const Node& address : child.children) push(child.key, address.text, address.place);
      } else if (child.is_string()) {
        push(child.key, child.text, child.place);
      } else {
        wrong_type(child, Path{&path, child.key}, "an address", report);
      }
    }
  } else if (node.is_sequence()) {
    for (const Node& item : node.children) {
      const std::size_t at =
          item.text.find('=') != std::string::npos ? item.text.find('=') : item.text.find(':');
      if (!item.is_string() || at == std::string::npos) {
        report.error(item.place, base::cat(path.str(), ": '", item.text, "' is not NAME=ADDRESS"),
                     "for example \"db=10.0.0.5\" or \"host.docker.internal=host-gateway\"");
        continue;
      }
      const std::string_view text = item.text;
      for (const std::string& address : base::split(text.substr(at + 1), ',')) {
        push(text.substr(0, at), address, item.place);
      }
    }
  } else {
    wrong_type(node, path, "a list of NAME=ADDRESS or a mapping", report);
    return;
  }
  node.kind = Kind::Sequence;
  node.children = std::move(out);
}

}  // namespace spec
