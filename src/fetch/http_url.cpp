#include "fetch/http_url.hpp"

#include <curl/curl.h>

#include <memory>

#include "base/ip.hpp"
#include "base/text.hpp"

namespace fetch {
namespace {

constexpr std::size_t kLongestUrl = 8192;

struct CurlUrlDeleter {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using CurlUrl = std::unique_ptr<CURLU, CurlUrlDeleter>;

// libcurl forgives a slash too few or too many after the colon; here a scheme has exactly two.
bool has_two_slashes(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || text.find_first_of("/?#") < colon) return true;
  const std::string_view rest = text.substr(colon + 1);
  return base::starts_with(rest, "//") && !base::starts_with(rest, "///");
}

std::optional<std::string> url_part(CURLU* url, CURLUPart which, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, which, &text, flags) != CURLUE_OK) return std::nullopt;
  std::string out = text;
  curl_free(text);
  return out;
}

bool is_plain(std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte == 0x7f || byte == '\\') return false;
  }
  return !text.empty() && text.size() <= kLongestUrl;
}

std::optional<Url> taken_apart(CURLU* handle) {
  Url out;
  out.scheme = url_part(handle, CURLUPART_SCHEME).value_or("");
  out.host = url_part(handle, CURLUPART_HOST).value_or("");
  out.path = url_part(handle, CURLUPART_PATH).value_or("/");
  out.query = url_part(handle, CURLUPART_QUERY).value_or("");
  const auto port =
      base::parse_uint(url_part(handle, CURLUPART_PORT, CURLU_DEFAULT_PORT).value_or(""));
  const bool known = out.scheme == "http" || out.scheme == "https";
  if (!known || out.host.empty() || !port || *port == 0 || *port > 65535) return std::nullopt;
  if (url_part(handle, CURLUPART_USER) || url_part(handle, CURLUPART_PASSWORD)) return std::nullopt;
  out.port = static_cast<std::uint16_t>(*port);
  if (out.host.front() == '[') {
    if (out.host.back() != ']') return std::nullopt;
    out.host = out.host.substr(1, out.host.size() - 2);
  }
  for (char& c : out.host) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace

bool Url::is_loopback() const {
  if (host == "localhost") return true;
  const auto address = base::parse_ip(host);
  return address && address->is_loopback();
}

bool Url::same_origin(const Url& other) const {
  return scheme == other.scheme && host == other.host && port == other.port;
}

std::string Url::authority() const {
  std::string out = host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (port != (is_https() ? 443 : 80)) out += base::cat(":", port);
  return out;
}

std::string Url::shown() const {
  return scheme + "://" + authority() + path;
}

std::string Url::str() const {
  return query.empty() ? shown() : shown() + "?" + query;
}

std::optional<Url> parse_url(std::string_view text) {
  if (!is_plain(text) || !has_two_slashes(text) || text.find("://") == std::string_view::npos) {
    return std::nullopt;
  }
  const CurlUrl handle(curl_url());
  if (!handle) return std::nullopt;
  if (curl_url_set(handle.get(), CURLUPART_URL, std::string(text).c_str(), 0) != CURLUE_OK) {
    return std::nullopt;
  }
  return taken_apart(handle.get());
}

std::optional<Url> resolve_url(const Url& from, std::string_view location) {
  if (!is_plain(location) || !has_two_slashes(location)) return std::nullopt;
  const CurlUrl handle(curl_url());
  if (!handle) return std::nullopt;
  if (curl_url_set(handle.get(), CURLUPART_URL, from.str().c_str(), 0) != CURLUE_OK ||
      curl_url_set(handle.get(), CURLUPART_URL, std::string(location).c_str(), 0) != CURLUE_OK) {
    return std::nullopt;
  }
  return taken_apart(handle.get());
}

std::string percent_encode(std::string_view text) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter || c == '-' || c == '.' || c == '_' || c == '~') {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.push_back('%');
    out.push_back(kDigits[byte >> 4U]);
    out.push_back(kDigits[byte & 15U]);
  }
  return out;
}

void add_query(Url& url, std::string_view name, std::string_view value) {
  if (!url.query.empty()) url.query.push_back('&');
  url.query.append(name).append("=").append(percent_encode(value));
}

std::string printable(std::string_view text, std::size_t limit) {
  std::string out;
  for (const char c : text) {
    if (out.size() >= limit) return out + "...";
    const auto byte = static_cast<unsigned char>(c);
    out.push_back(byte < 0x20 || byte >= 0x7f ? '?' : c);
  }
  return out;
}

}  // namespace fetch
