#include "spec/yaml_tape.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <istream>
#include <streambuf>

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

class Recorder : public YAML::EventHandler {
 public:
  Recorder(std::string_view text, std::uint32_t file, const Bounds& bounds, Report& report,
           const std::function<void(const Tape&)>& document)
      : text_(text), file_(file), bounds_(bounds), report_(report), document_(document) {
    tape_.events.reserve(text.size() / 12 + 16);
    tape_.text.reserve(text.size());
    tape_.tags.emplace_back();
  }

  void OnDocumentStart(const YAML::Mark&) override {
    tape_.events.clear();
    tape_.text.clear();
    weights_.clear();
    anchors_.clear();
  }
  void OnDocumentEnd() override {
    if (tape_.events.empty()) return;
    const EventType root = tape_.events[0].type;
    if (root != EventType::Empty && root != EventType::Null) document_(tape_);
  }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Event event;
    event.type = spelled_null(mark) ? EventType::Null : EventType::Empty;
    event.place = event.type == EventType::Null ? at(mark) : place_of_nothing(mark);
    add(event, anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Event event;
    event.type = EventType::Alias;
    event.place = at(mark);
    event.text = anchor < anchors_.size() ? anchors_[anchor] : 0;
    const Event& target = tape_.events[event.text];
    if (target.end == 0) {
      report_.error(event.place, "an alias inside the very value that its anchor names", {},
                    {{target.place, "the anchor is here"}});
      throw Stop();
    }
    const Weight& weight = weights_[event.text];
    if (open_.size() + weight.depth > bounds_.depth) too_deep(event.place);
    spend(weight, event.place);
    add(event, 0);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Event event;
    event.type = EventType::Plain;
    event.place = at(mark);
    const std::size_t from = behind_properties(mark, event.place);
    if (tag == "!") {
      event.type = EventType::Quoted;
    } else if (tag != "?") {
      event.tag = tag_index(tag);
      const char first = from < text_.size() ? text_[from] : ' ';
      if (first == '"' || first == '\'' || first == '|' || first == '>') {
        event.type = EventType::Quoted;
      }
    }
    event.block = event.type == EventType::Quoted && from < text_.size() &&
                  (text_[from] == '|' || text_[from] == '>');
    event.text = static_cast<std::uint32_t>(tape_.text.size());
    event.size = static_cast<std::uint32_t>(value.size());
    tape_.text += value;
    add(event, anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(EventType::Sequence, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(EventType::Map, mark, tag, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  // What a value costs with its aliases expanded.
  struct Weight {
    std::size_t nodes = 0;
    std::size_t bytes = 0;
    std::size_t depth = 0;
  };

  [[nodiscard]] Place at(const YAML::Mark& mark) const {
    return {file_, static_cast<std::uint32_t>(mark.line + 1),
            static_cast<std::uint32_t>(mark.column + 1)};
  }

  [[nodiscard]] bool spelled_null(const YAML::Mark& mark) const {
    const std::string_view rest = text_.substr(std::min(offset(mark), text_.size()));
    if (rest.empty() || (rest[0] != '~' && rest[0] != 'n' && rest[0] != 'N')) return false;
    const std::string_view word = rest.substr(0, rest.find_first_of(" \t\r\n,]}:#"));
    return word == "~" || word == "null" || word == "Null" || word == "NULL";
  }

  static std::size_t offset(const YAML::Mark& mark) { return static_cast<std::size_t>(mark.pos); }

  // The library gives an empty value the place of whatever comes next: go back to the last
  // character before it that is no comment, the dash or colon.
  [[nodiscard]] Place place_of_nothing(const YAML::Mark& mark) const {
    std::size_t end = std::min(offset(mark), text_.size());
    auto number = static_cast<std::uint32_t>(mark.line + 1);
    for (std::size_t lines = 0; lines < kLinesBack; ++lines, --number) {
      const std::size_t newline = end == 0 ? std::string_view::npos : text_.rfind('\n', end - 1);
      const std::size_t start = newline == std::string_view::npos ? 0 : newline + 1;
      std::string_view line = text_.substr(start, end - start);
      if (base::starts_with(base::trim(line), "#")) line = {};
      line = line.substr(0, line.find(" #"));
      const std::size_t last = line.find_last_not_of(" \t\r");
      if (last != std::string_view::npos) {
        return {file_, number, static_cast<std::uint32_t>(last + 1)};
      }
      if (start == 0) break;
      end = start - 1;
    }
    return at(mark);
  }

  // Steps over "&anchor" and "!tag" in front of a scalar, `place` with it; gives the offset.
  std::size_t behind_properties(const YAML::Mark& mark, Place& place) const {
    std::size_t i = offset(mark);
    while (i < text_.size() && (text_[i] == '&' || text_[i] == '!')) {
      std::size_t next = text_.find_first_of(" \t\r\n,]}", i);
      if (next == std::string_view::npos) return i;
      next = text_.find_first_not_of(' ', next);
      if (next == std::string_view::npos || text_[next] == '\r' || text_[next] == '\n' ||
          text_[next] == '#' || text_[next] == '\t') {
        return i;  // the text is on a later line: the property's own place is near enough
      }
      place.column += static_cast<std::uint32_t>(next - i);
      i = next;
    }
    return i;
  }

  std::uint16_t tag_index(const std::string& tag) {
    if (tag.empty()) return 0;
    for (std::size_t i = 1; i < tape_.tags.size(); ++i) {
      if (tape_.tags[i] == tag) return static_cast<std::uint16_t>(i);
    }
    // Nobody needs more kinds of tags; those beyond are refused under one name.
    if (tape_.tags.size() < kMaxTags) tape_.tags.push_back(tag);
    return static_cast<std::uint16_t>(tape_.tags.size() - 1);
  }

  void too_deep(Place place) {
    report_.error(place, base::cat("nested more than ", bounds_.depth, " levels deep"),
                  "the bound is the variable STACK_MAX_DEPTH");
    throw Stop();
  }

  // Counts towards the value that is open; those above it take its sum when it closes.
  void spend(const Weight& weight, Place place) {
    if (!open_.empty()) add_to(weights_[open_.back()], weight);
    nodes_ += weight.nodes;
    bytes_ += weight.bytes;
    if (nodes_ > bounds_.nodes) {
      report_.error(
          place, base::cat("more than ", bounds_.nodes, " values in one file, aliases expanded"),
          "an alias that repeats aliases multiplies: write the values out; the bound is the "
          "variable STACK_MAX_NODES");
      throw Stop();
    }
    if (bytes_ > bounds_.expanded_bytes) {
      report_.error(
          place,
          base::cat("more than ", bounds_.expanded_bytes, " bytes in one file, aliases expanded"),
          "an alias repeats all the text of its anchor");
      throw Stop();
    }
  }

  void add(Event event, YAML::anchor_t anchor) {
    const auto index = static_cast<std::uint32_t>(tape_.events.size());
    event.end = index + 1;
    if (event.type != EventType::Alias) spend({1, event.size, 0}, event.place);
    if (!open_.empty()) ++tape_.events[open_.back()].size;
    tape_.events.push_back(event);
    weights_.push_back({1, event.size, 0});
    if (anchor != 0) name(anchor, index);
  }

  void open(EventType type, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    Event event;
    event.type = type;
    event.tag = tag_index(tag == "?" || tag == "!" ? std::string() : tag);
    event.place = at(mark);
    if (open_.size() >= bounds_.depth) too_deep(event.place);
    if (!open_.empty()) {
      Event& above = tape_.events[open_.back()];
      if (above.type == EventType::Map && above.size % 2 == 0) {
        report_.error(event.place, "a key must be a string, not a list or mapping",
                      "text that begins with { or [ needs quotes");
        throw Stop();
      }
      ++above.size;
    }
    open_.push_back(static_cast<std::uint32_t>(tape_.events.size()));
    weights_.push_back({0, 0, 1});
    spend({1, 0, 0}, event.place);
    const auto index = static_cast<std::uint32_t>(tape_.events.size());
    tape_.events.push_back(event);
    if (anchor != 0) name(anchor, index);
  }

  void close() {
    const std::uint32_t index = open_.back();
    open_.pop_back();
    tape_.events[index].end = static_cast<std::uint32_t>(tape_.events.size());
    if (!open_.empty()) add_to(weights_[open_.back()], weights_[index]);
  }

  static void add_to(Weight& above, const Weight& part) {
    above.nodes += part.nodes;
    above.bytes += part.bytes;
    above.depth = std::max(above.depth, part.depth + 1);
  }

  void name(YAML::anchor_t anchor, std::uint32_t index) {
    if (anchors_.size() <= anchor) anchors_.resize(anchor + 1, 0);
    anchors_[anchor] = index;
  }

  static constexpr std::size_t kMaxTags = 64;
  static constexpr std::size_t kLinesBack = 64;

  std::string_view text_;
  std::uint32_t file_;
  const Bounds& bounds_;
  Report& report_;
  const std::function<void(const Tape&)>& document_;
  Tape tape_;
  std::vector<Weight> weights_;         // of the event with the same index
  std::vector<std::uint32_t> anchors_;  // the library's number → event
  std::vector<std::uint32_t> open_;
  std::size_t nodes_ = 0;
  std::size_t bytes_ = 0;
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
  if (message.find("anchor") != std::string::npos || message.find("alias") != std::string::npos) {
    return "an anchor is made with &name before it";
  }
  if (message.find("unknown token") != std::string::npos) {
    return "a tab may not indent, and text beginning with @, ` or % needs quotes";
  }
  return "check the indentation and the quotes around this place";
}

}  // namespace

void read_yaml(std::string_view text, std::uint32_t file, const Bounds& bounds, Report& report,
               const std::function<void(const Tape&)>& document) {
  Recorder recorder(text, file, bounds, report, document);
  try {
    ViewBuffer buffer(text);
    std::istream in(&buffer);
    YAML::Parser parser(in);
    while (parser.HandleNextDocument(recorder)) {
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
}

}  // namespace spec
