// Tape: the events of one YAML document in a row, every value knowing where it ends. An alias
// points back at its anchor's events and costs nothing until it is read, so that neither anchors
// nor bombs of aliases take memory. The bounds are kept here: depth, values and bytes with all
// aliases expanded. The only file that knows the YAML library is yaml_tape.cpp.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "spec/report.hpp"
#include "spec/scan.hpp"

namespace spec {

// Empty: nothing is written where a value may be.
enum class EventType : std::uint8_t { Empty, Null, Plain, Quoted, Map, Sequence, Alias };

struct Event {
  EventType type = EventType::Empty;
  bool block = false;      // a literal or folded scalar
  std::uint16_t tag = 0;   // index into Tape::tags; 0: none
  std::uint32_t end = 0;   // index of the event after this value; Alias: of its own
  std::uint32_t text = 0;  // scalars: offset into Tape::text; Alias: index of the anchor's event
  std::uint32_t size = 0;  // scalars: length; Map, Sequence: number of children
  Place place;
};

struct Tape {
  std::vector<Event> events;  // of the document; the first is its root
  std::string text;
  std::vector<std::string> tags;

  [[nodiscard]] std::string_view text_of(const Event& event) const {
    return std::string_view(text).substr(event.text, event.size);
  }
};

// Calls `document` with each document of the text that is not empty; the tape is used again for
// the next one. Errors of syntax, bounds and cycles of aliases are in `report` and end the reading.
void read_yaml(std::string_view text, std::uint32_t file, const Bounds& bounds, Report& report,
               const std::function<void(const Tape&)>& document);

}  // namespace spec
