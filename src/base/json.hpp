// nlohmann::json for our value types: optionals, addresses, durations. Include in .cpp files
// only; headers use <nlohmann/json_fwd.hpp>.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/ip.hpp"
#include "base/text.hpp"

namespace nlohmann {

template <class T>
struct adl_serializer<std::optional<T>> {
  static void to_json(json& out, const std::optional<T>& value) {
    if (value) {
      out = *value;
    } else {
      out = nullptr;
    }
  }
  static void from_json(const json& in, std::optional<T>& value) {
    if (in.is_null()) {
      value.reset();
    } else {
      value = in.get<T>();
    }
  }
};

template <>
struct adl_serializer<base::Duration> {
  static void to_json(json& out, const base::Duration& value) { out = value.count(); }
  static void from_json(const json& in, base::Duration& value) {
    value = base::Duration(in.get<std::int64_t>());
  }
};

template <>
struct adl_serializer<base::IpAddress> {
  static void to_json(json& out, const base::IpAddress& value) { out = value.str(); }
  static void from_json(const json& in, base::IpAddress& value) {
    value = base::parse_ip(in.get<std::string>()).value_or(base::IpAddress{});
  }
};

template <>
struct adl_serializer<base::Cidr> {
  static void to_json(json& out, const base::Cidr& value) { out = value.str(); }
  static void from_json(const json& in, base::Cidr& value) {
    value = base::parse_cidr(in.get<std::string>()).value_or(base::Cidr{});
  }
};

}  // namespace nlohmann

namespace base {

// A field added later reads as its default from an older file.
template <class T>
void read_field(const nlohmann::json& in, const char* key, T& value) {
  if (const auto at = in.find(key); at != in.end() && !at->is_null()) at->get_to(value);
}

}  // namespace base
