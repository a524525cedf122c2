// The pure parts of talking to registries: addresses, challenges, the rule for passwords,
// credentials in files, the administrator's file, policies.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/error.hpp"
#include "fetch/auth_challenge.hpp"
#include "fetch/auth_credentials.hpp"
#include "fetch/auth_helper.hpp"
#include "fetch/http_url.hpp"
#include "fetch/mirrors.hpp"
#include "fetch/registry_exchange.hpp"

namespace fetch {
namespace {

TEST(RegistryUrl, ParsedAndRefused) {
  const auto url = parse_url("https://Example.ORG:8443/v2/a?x=1");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->str(), "https://example.org:8443/v2/a?x=1");
  EXPECT_EQ(url->shown(), "https://example.org:8443/v2/a") << "a query may be a secret";
  EXPECT_EQ(parse_url("http://[::1]:5000")->authority(), "[::1]:5000");
  EXPECT_EQ(parse_url("https://a:443/")->authority(), "a");
  for (const char* wrong :
       {"", "a", "//a/b", "ftp://a/", "file:///etc/passwd", "http://user@a/", "http://u:p@a/",
        "http://a:0/", "http://a:70000/", "http:///a", "http:/a", "http://a/\r\nX: y",
        "http://a b/", "javascript://a/", "http://"}) {
    EXPECT_FALSE(parse_url(wrong)) << wrong;
  }
  EXPECT_FALSE(parse_url("http://a/" + std::string(9000, 'x')));
}

TEST(RegistryUrl, LocationsAreResolved) {
  const Url from = *parse_url("https://a.example/v2/x/blobs/uploads/");
  EXPECT_EQ(resolve_url(from, "/v2/y?u=1")->str(), "https://a.example/v2/y?u=1");
  EXPECT_EQ(resolve_url(from, "//b.example/z")->str(), "https://b.example/z");
  EXPECT_EQ(resolve_url(from, "http://c/z")->str(), "http://c/z");
  EXPECT_FALSE(resolve_url(from, ""));
  EXPECT_FALSE(resolve_url(from, "data:text/plain,x"));
}

TEST(RegistryUrl, Origins) {
  const Url a = *parse_url("https://a:443/x");
  EXPECT_TRUE(a.same_origin(*parse_url("https://A/y")));
  EXPECT_FALSE(a.same_origin(*parse_url("http://a:443/")));
  EXPECT_FALSE(a.same_origin(*parse_url("https://a:444/")));
  EXPECT_FALSE(a.same_origin(*parse_url("https://a.b/")));
  for (const char* loop :
       {"http://127.0.0.1/", "http://127.9.9.9:1/", "http://[::1]/", "http://localhost/"}) {
    EXPECT_TRUE(parse_url(loop)->is_loopback()) << loop;
  }
  for (const char* far :
       {"http://127.0.0.1.example/", "http://10.0.0.1/", "http://localhost.example/"}) {
    EXPECT_FALSE(parse_url(far)->is_loopback()) << far;
  }
}

TEST(RegistryChallenge, Headers) {
  auto all = parse_challenges(
      {R"(Bearer realm="https://a/token?x=\"1\"",service="s, t",scope="repository:x:pull")"});
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].kind, Challenge::Kind::Bearer);
  EXPECT_EQ(all[0].realm, "https://a/token?x=\"1\"");
  EXPECT_EQ(all[0].service, "s, t");
  EXPECT_EQ(all[0].scope, "repository:x:pull");
  all = parse_challenges({"Negotiate, basic Realm=x, BEARER realm=\"y\"", "Digest realm=z"});
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].realm, "x");
  EXPECT_EQ(all[1].realm, "y");
  for (const char* odd :
       {"", ",,,", "Bearer realm=\"unfinished", "=", "\"", "Basic =x", "Bearer \\"}) {
    EXPECT_LE(parse_challenges({odd}).size(), 1U) << odd;
  }
}

TEST(RegistryChallenge, WhereAPasswordMayGo) {
  struct Row {
    const char* registry;
    Channel channel;
    const char* realm;
    bool ask, password;
  };
  const Row rows[] = {
      {"https://r/", Channel::Verified, "https://r/token", true, true},
      {"https://r/", Channel::Verified, "https://auth.r/token", true, true},  // as docker.io does
      {"https://r/", Channel::Verified, "http://r/token", false, false},
      {"https://r/", Channel::Verified, "http://auth.r/token", false, false},
      {"https://r/", Channel::Open, "https://r:444/token", true, true},
      {"https://r/", Channel::Open, "https://elsewhere/token", true, false},
      {"http://r/", Channel::Open, "http://r/token", true, true},
      {"http://r/", Channel::Open, "https://r/token", true, true},
      {"http://r/", Channel::Open, "https://elsewhere/token", true, false},
      {"http://127.0.0.1:5000/", Channel::Verified, "http://127.0.0.1:5001/token", true, true},
      {"http://127.0.0.1:5000/", Channel::Verified, "http://127.0.0.2/token", true, false},
      {"http://127.0.0.1:5000/", Channel::Verified, "https://elsewhere/token", true, true},
  };
  for (const Row& row : rows) {
    const Url registry = *parse_url(row.registry);
    const Url realm = *parse_url(row.realm);
    EXPECT_EQ(may_ask_token(registry, realm), row.ask) << row.registry << " " << row.realm;
    EXPECT_EQ(may_send_password(registry, row.channel, realm), row.password)
        << row.registry << " " << row.realm;
  }
}

TEST(RegistryChallenge, ScopeIsOurs) {
  const std::string pull = "repository:app:pull";
  EXPECT_EQ(choose_scope(pull, ""), pull);
  EXPECT_EQ(choose_scope(pull, "repository:app:pull,push"), "repository:app:pull,push");
  EXPECT_EQ(choose_scope(pull, "repository:other:pull"), pull);
  EXPECT_EQ(choose_scope(pull, "repository:app:push"), pull);
  EXPECT_EQ(choose_scope(pull, "repository:app:pull repository:other:push"), pull);
}

class RegistryFiles : public testing::Test {
 protected:
  RegistryFiles() {
    std::string pattern = "/tmp/fetch-registry-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~RegistryFiles() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) const {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path) << text;
    return path;
  }
  // A program on PATH for as long as the test runs.
  void helper(const std::string& name, const std::string& script) const {
    ::chmod(write("docker-credential-" + name, "#!/bin/sh\n" + script).c_str(), 0755);
    ::setenv("PATH", (folder_ + ":/usr/bin:/bin").c_str(), 1);
  }

  std::string folder_;
};

TEST_F(RegistryFiles, CredentialsByRegistry) {
  const std::string path = write("config.json", R"({"auths": {
    "https://index.docker.io/v1/": {"auth": "aHViOm9uZQ=="},
    "localhost:5000": {"auth": "dXNlcjp3b3Jk"},
    "localhost:5000/team": {"username": "team", "password": "two"},
    "tokens.example": {"identitytoken": "idt"}}})");
  const auto user = [&](const char* registry, const char* repository) {
    const auto lookup = find_credentials({path}, registry, repository);
    return lookup.found ? lookup.found->user + ":" + lookup.found->password : "none";
  };
  EXPECT_EQ(user("docker.io", "library/redis"), "hub:one");
  EXPECT_EQ(user("localhost:5000", "app"), "user:word");
  EXPECT_EQ(user("localhost:5000", "team/app"), "team:two");
  EXPECT_EQ(user("localhost:5000", "teamwork/app"), "user:word");
  EXPECT_EQ(user("localhost:50000", "app"), "none");
  EXPECT_EQ(user("localhost", "5000/app"), "none");
  EXPECT_EQ(find_credentials({path}, "tokens.example", "a").found->identity_token, "idt");
}

TEST_F(RegistryFiles, BrokenFilesAreToldWithoutTheirContent) {
  const std::string path = write("config.json", R"({"auths": {"a": {"auth": "c2VjcmV0")");
  const auto lookup = find_credentials({folder_ + "/absent", path}, "a", "x");
  EXPECT_FALSE(lookup.found);
  ASSERT_EQ(lookup.notes.size(), 1U);
  EXPECT_EQ(lookup.notes[0], path + ": not valid JSON");
}

TEST_F(RegistryFiles, HelpersAreAsked) {
  helper(
      "good",
      R"(read -r server; [ "$1" = get ] && printf '{"ServerURL":"%s","Username":"me","Secret":"%s"}' "$server" "$server")");
  helper("token", R"(printf '{"Username":"<token>","Secret":"idt"}')");
  helper("none", "echo credentials not found in native keychain; exit 1");
  const std::string path = write("config.json", R"({"credsStore": "none",
    "credHelpers": {"a.example": "good", "docker.io": "good", "t.example": "token"},
    "auths": {"b.example": {"auth": "dXNlcjp3b3Jk"}}})");
  EXPECT_EQ(find_credentials({path}, "a.example", "x").found->password, "a.example");
  EXPECT_EQ(find_credentials({path}, "docker.io", "x").found->password,
            "https://index.docker.io/v1/");
  EXPECT_EQ(find_credentials({path}, "t.example", "x").found->identity_token, "idt");
  EXPECT_EQ(find_credentials({path}, "b.example", "x").found->user, "user") << "after the store";
}

TEST_F(RegistryFiles, HelpersAreBounded) {
  helper("slow", "sleep 60");
  helper("loud", "exec cat /dev/zero");
  helper("odd", "echo nonsense with-a-secret");
  helper("bad", "echo a-secret; exit 3");
  helper("deaf", R"(exec <&-; sleep 0.1; printf '{"Username":"me","Secret":"s"}')");
  const HelperBounds short_time{.time = std::chrono::milliseconds(300)};
  const auto text = [&](const char* name, HelperBounds bounds) -> std::string {
    try {
      ask_helper(name, "server", bounds);
    } catch (const base::Error& error) {
      return error.what();
    }
    return "nothing";
  };
  EXPECT_EQ(text("slow", short_time), "docker-credential-slow: no answer within 300ms");
  EXPECT_EQ(text("loud", {}), "docker-credential-loud: answers more than 65536 bytes");
  EXPECT_EQ(text("odd", {}), "docker-credential-odd: its answer has no Username and Secret");
  EXPECT_EQ(text("bad", {}), "docker-credential-bad: failed with exit status 3");
  EXPECT_EQ(text("absent", {}), "run docker-credential-absent: No such file or directory");
  EXPECT_EQ(text("../../bin/sh", {}), "a credential helper's name is not one");
  EXPECT_EQ(ask_helper("deaf", "server")->user, "me");
}

TEST(RegistryConfig, MirrorsAndRules) {
  const RegistriesConfig config = parse_registries(R"(
parallel: 6
tries: 2
timeouts: {connect: 5s, stall: 1m, total: 1h}
upload_chunk: 1m
registries:
  docker.io:
    mirrors: ["http://10.0.0.5:5000/cache/", mirror.example, 127.0.0.1:5001]
  10.0.0.5:5000: {insecure: true}
  mirror.example: {ca: /etc/ca.pem}
  plain.example:80: {plain_http: true}
)",
                                                   "r.yaml");
  EXPECT_EQ(config.parallel, 6U);
  EXPECT_EQ(config.bounds.stall, std::chrono::minutes(1));
  EXPECT_EQ(config.chunk, 1U << 20U);
  const auto hub = endpoints_of(config, "docker.io");
  ASSERT_EQ(hub.size(), 4U);
  EXPECT_EQ(hub[0].host, "10.0.0.5:5000");
  EXPECT_EQ(hub[0].prefix, "cache");
  EXPECT_EQ(hub[0].scheme, Scheme::PlainHttp);
  EXPECT_EQ(hub[1].tls.ca_file, "/etc/ca.pem");
  EXPECT_EQ(hub[1].scheme, Scheme::Https);
  EXPECT_EQ(hub[2].scheme, Scheme::Either);
  EXPECT_EQ(hub[3].host, "registry-1.docker.io");
  EXPECT_EQ(hub[3].registry, "docker.io");
  EXPECT_FALSE(hub[3].mirror);
  EXPECT_EQ(endpoints_of(config, "plain.example:80")[0].scheme, Scheme::PlainHttp);
  EXPECT_EQ(endpoints_of(config, "other.example")[0].scheme, Scheme::Https);
}

TEST(RegistryConfig, MistakesHaveTheirPlace) {
  const auto text = [](const char* yaml) -> std::string {
    try {
      parse_registries(yaml, "r.yaml");
    } catch (const base::Error& error) {
      return std::string(error.what()) + (error.hint().empty() ? "" : " | " + error.hint());
    }
    return "fine";
  };
  EXPECT_EQ(text(""), "fine");
  EXPECT_EQ(text("registries:\n  a:\n    mirror: [b]\n"),
            "r.yaml:3:5: unknown key \"mirror\" | did you mean 'mirrors'?");
  EXPECT_EQ(text("parallel: 99\n"), "r.yaml:1:11: parallel: a number from 1 to 16 is needed");
  EXPECT_EQ(text("registries: [a]\n"), "r.yaml:1:13: registries: a mapping is needed, not a list");
  EXPECT_EQ(text("registries: {a: {insecure: maybe}}\n"),
            "r.yaml:1:28: insecure: true or false is needed");
  EXPECT_EQ(text("registries: {a: {ca: here.pem}}\n"),
            "r.yaml:1:22: ca: an absolute path of a PEM file is needed");
  EXPECT_EQ(text("registries: {a: {mirrors: ['ftp://b']}}\n"),
            "r.yaml:1:28: a mirror is [http[s]://]HOST[:PORT][/PREFIX]");
  EXPECT_EQ(text("timeouts: {connect: 1ms}\n"),
            "r.yaml:1:21: connect: a time of at least 1s is needed");
  EXPECT_NE(text("a: b: c\n"), "fine");
}

TEST(RegistryComplaint, IsPrintable) {
  EXPECT_EQ(registry_complaint(R"({"errors":[{"code":"DENIED","message":"a\u001bb"}]})"),
            "DENIED: a?b");
  for (const char* odd : {"", "[]", "{\"errors\":7}", "{\"errors\":[]}", "{\"errors\":[7]}"}) {
    EXPECT_EQ(registry_complaint(odd), "") << odd;
  }
}

}  // namespace
}  // namespace fetch
