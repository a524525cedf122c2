// codec_strict: JSON from outside into the value types, by the same lists of fields as codec.hpp:
// every field must be there, of its type and within its bounds, and nothing else. A fault names its
// path. Internal to planner/*.cpp (heavy).
#pragma once

#include <limits>
#include <utility>

#include "base/error.hpp"
#include "planner/codec.hpp"

namespace planner::codec {

[[noreturn]] inline void refuse(const std::string& path, const std::string& what) {
  throw base::Error(base::cat(path.empty() ? "the whole" : path, ": ", what));
}

// Lengthens a path while it lives.
class Below {
 public:
  template <class... Pieces>
  explicit Below(std::string& path, const Pieces&... pieces) : path_(path), length_(path.size()) {
    (base::append_piece(path_, pieces), ...);
  }
  ~Below() { path_.resize(length_); }
  Below(const Below&) = delete;
  Below& operator=(const Below&) = delete;

 private:
  std::string& path_;
  std::size_t length_;
};

template <class T>
void take(const json& in, T& value, std::string& path);
template <class T>
void take(const json& in, std::vector<T>& list, std::string& path);
template <class T>
void take(const json& in, std::map<std::string, T>& map, std::string& path);
template <class T>
void take(const json& in, std::optional<T>& value, std::string& path);

inline void take(const json& in, std::string& value, std::string& path) {
  if (!in.is_string()) refuse(path, "should be a text");
  value = in.get<std::string>();
  // The kernel would read less than we compared.
  if (value.find('\0') != std::string::npos) refuse(path, "holds a NUL");
}
inline void take(const json& in, bool& value, std::string& path) {
  if (!in.is_boolean()) refuse(path, "should be true or false");
  value = in.get<bool>();
}
inline void take(const json& in, double& value, std::string& path) {
  if (!in.is_number()) refuse(path, "should be a number");
  value = in.get<double>();
}
inline void take(const json& in, base::Duration& value, std::string& path) {
  if (!in.is_number_integer() || (in.is_number_unsigned() && in.get<std::uint64_t>() > INT64_MAX)) {
    refuse(path, "should be a number of nanoseconds");
  }
  value = base::Duration(in.get<std::int64_t>());
}
inline void take(const json& in, base::IpAddress& value, std::string& path) {
  const auto parsed = in.is_string() ? base::parse_ip(in.get<std::string>()) : std::nullopt;
  if (!parsed) refuse(path, "should be an address");
  value = *parsed;
}
inline void take(const json& in, base::Cidr& value, std::string& path) {
  const auto parsed = in.is_string() ? base::parse_cidr(in.get<std::string>()) : std::nullopt;
  if (!parsed) refuse(path, "should be an address and a prefix length");
  value = *parsed;
}

template <std::integral T>
void take_number(const json& in, T& value, const std::string& path) {
  const auto out_of_range = [&] {
    refuse(path, base::cat("should be a number from ", std::numeric_limits<T>::min(), " to ",
                           std::numeric_limits<T>::max()));
  };
  if (!in.is_number_integer()) out_of_range();
  if (in.is_number_unsigned()) {
    const auto number = in.get<std::uint64_t>();
    if (!std::in_range<T>(number)) out_of_range();
    value = static_cast<T>(number);
  } else {
    const auto number = in.get<std::int64_t>();
    if (!std::in_range<T>(number)) out_of_range();
    value = static_cast<T>(number);
  }
}

template <class T>
void take_fields(const json& in, T& value, std::string& path) {
  if (!in.is_object()) refuse(path, "should be a mapping");
  std::size_t known = 0;
  Fields<T>::each([&](const char* key, auto member) {
    const Below below(path, path.empty() ? "" : ".", key);
    const auto at = in.find(key);
    if (at == in.end()) refuse(path, "is missing");
    take(*at, value.*member, path);
    ++known;
  });
  if (known == in.size()) return;
  for (const auto& item : in.items()) {
    bool listed = false;
    Fields<T>::each([&](const char* key, auto) { listed = listed || item.key() == key; });
    const Below below(path, path.empty() ? "" : ".", std::string_view(item.key()).substr(0, 100));
    if (!listed) refuse(path, "is no field that this program knows");
  }
}

template <class T>
void take(const json& in, T& value, std::string& path) {
  if constexpr (Described<T>) {
    take_fields(in, value, path);
  } else if constexpr (std::is_enum_v<T>) {
    std::vector<std::string> names;
    for (const auto& entry : Names<T>::list) {
      if (in.is_string() && in.get_ref<const std::string&>() == entry.name) {
        value = entry.value;
        return;
      }
      names.emplace_back(entry.name);
    }
    refuse(path, base::cat("should be one of ", base::join(names, ", ")));
  } else {
    take_number(in, value, path);
  }
}
template <class T>
void take(const json& in, std::vector<T>& list, std::string& path) {
  if (!in.is_array()) refuse(path, "should be a list");
  list.clear();
  for (const json& item : in) {
    const Below below(path, "[", list.size(), "]");
    T value{};
    take(item, value, path);
    list.push_back(std::move(value));
  }
}
template <class T>
void take(const json& in, std::map<std::string, T>& map, std::string& path) {
  if (!in.is_object()) refuse(path, "should be a mapping");
  map.clear();
  for (const auto& item : in.items()) {
    const Below below(path, ".", std::string_view(item.key()).substr(0, 100));
    if (item.key().find('\0') != std::string::npos) refuse(path, "holds a NUL");
    take(item.value(), map[item.key()], path);
  }
}
template <class T>
void take(const json& in, std::optional<T>& value, std::string& path) {
  value.reset();
  if (!in.is_null()) take(in, value.emplace(), path);
}

}  // namespace planner::codec
