#include "planner/desired.hpp"

#include <algorithm>
#include <charconv>

#include "base/error.hpp"
#include "base/text.hpp"
#include "planner/codec.hpp"

namespace planner {

namespace {

template <class T>
const T* find_named(const std::vector<T>& list, const std::string& name) {
  const auto at =
      std::find_if(list.begin(), list.end(), [&](const T& item) { return item.name == name; });
  return at == list.end() ? nullptr : &*at;
}

}  // namespace

const Container* DesiredState::container(const std::string& name) const {
  return find_named(containers, name);
}
const Network* DesiredState::network(const std::string& name) const {
  return find_named(networks, name);
}
const Volume* DesiredState::volume(const std::string& name) const {
  return find_named(volumes, name);
}
const ActualContainer* ActualState::container(const std::string& name) const {
  return find_named(containers, name);
}

namespace codec {

void write_string(std::string& out, std::string_view text) {
  static constexpr char hex[] = "0123456789abcdef";
  out.push_back('"');
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (byte < 0x20) {
      out.append("\\u00");
      out.push_back(hex[byte >> 4U]);
      out.push_back(hex[byte & 0xfU]);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

void write_double(std::string& out, double value) {
  char buffer[64];
  const auto done = std::to_chars(buffer, buffer + sizeof buffer, value);
  out.append(buffer, done.ptr);
}

}  // namespace codec

void to_json(nlohmann::json& out, const Container& value) {
  out = codec::put(value);
}
void from_json(const nlohmann::json& in, Container& value) {
  codec::get(in, value);
}
void to_json(nlohmann::json& out, const DesiredState& value) {
  out = codec::put(value);
}
void from_json(const nlohmann::json& in, DesiredState& value) {
  codec::get(in, value);
}

std::string compact_json(const DesiredState& state, int version) {
  std::string out;
  out.reserve(1024 * (1 + state.containers.size()));
  codec::write(out, state);
  out.pop_back();
  out += base::cat(out.size() > 1 ? "," : "", "\"version\":", version, "}");
  return out;
}

std::string fingerprint(const Container& container) {
  std::string out;
  out.reserve(1024);
  codec::write_changed(out, container,
                       [](std::string_view key) { return key == "place" || key == "ports"; });
  return out;
}

Container parse_fingerprint(const std::string& text) {
  try {
    Container out;
    codec::get(nlohmann::json::parse(text), out);
    return out;
  } catch (const nlohmann::json::exception& e) {
    throw base::Error(base::cat("container record is not readable: ", e.what()));
  }
}

std::string host_port_key(const Container& container, const netfab::PublishedPort& port) {
  return base::cat(container.name, port.protocol == netfab::Protocol::Tcp ? "|tcp|" : "|udp|",
                   port.target_port, port.host_address ? "|" : "",
                   port.host_address ? port.host_address->str() : std::string());
}

std::vector<UnassignedPort> unassigned_ports(DesiredState& desired) {
  std::vector<UnassignedPort> out;
  for (Container& container : desired.containers) {
    for (netfab::PublishedPort& port : container.ports) {
      if (port.host_port != 0) continue;
      const std::string key = host_port_key(container, port);
      auto at = std::find_if(out.begin(), out.end(),
                             [&](const UnassignedPort& known) { return known.key == key; });
      if (at == out.end()) at = out.insert(out.end(), UnassignedPort{key, {}});
      at->entries.push_back(&port);
    }
  }
  return out;
}

std::map<std::string, std::uint16_t> assigned_ports(const DesiredState& desired,
                                                    const spec::Stack& stack) {
  const auto is_given = [&stack](const Container& container, const netfab::PublishedPort& port) {
    const auto service = stack.services.find(container.service);
    if (service == stack.services.end()) return false;
    const auto& lines = service->second.ports;
    return std::any_of(lines.begin(), lines.end(), [&port](const spec::Port& line) {
      const bool tcp = line.protocol == spec::Protocol::Tcp;
      const bool fixed = line.published_first != 0 && !spec::is_choice(line);
      return fixed && tcp == (port.protocol == netfab::Protocol::Tcp) &&
             port.host_port >= line.published_first &&
             port.host_port < line.published_first + line.target_count;
    });
  };
  std::map<std::string, std::uint16_t> out;
  for (const Container& container : desired.containers) {
    for (const netfab::PublishedPort& port : container.ports) {
      if (port.host_port == 0 || is_given(container, port)) continue;
      out.emplace(host_port_key(container, port), port.host_port);
    }
  }
  return out;
}

}  // namespace planner
