// DNS messages read and built, and resolv.conf: tables, and bytes that mean harm.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

#include "base/text.hpp"
#include "supervisor/dns_forward.hpp"
#include "supervisor/dns_message.hpp"

namespace supervisor {
namespace {

DnsBytes name_bytes(const std::string& name) {
  DnsBytes out;
  for (const std::string& label : base::split(name, '.')) {
    out.push_back(static_cast<std::uint8_t>(label.size()));
    out.insert(out.end(), label.begin(), label.end());
  }
  out.push_back(0);
  return out;
}

DnsBytes ask(const std::string& name, std::uint16_t type, std::uint16_t id = 0x1234) {
  DnsBytes out{static_cast<std::uint8_t>(id >> 8U),
               static_cast<std::uint8_t>(id),
               1,
               0,
               0,
               1,
               0,
               0,
               0,
               0,
               0,
               0};
  const DnsBytes n = name_bytes(name);
  out.insert(out.end(), n.begin(), n.end());
  out.insert(out.end(),
             {static_cast<std::uint8_t>(type >> 8U), static_cast<std::uint8_t>(type), 0, 1});
  return out;
}

DnsBytes with_opt(DnsBytes query, std::uint16_t size) {
  query[11] = static_cast<std::uint8_t>(query[11] + 1);
  query.insert(query.end(), {0, 0, 41, static_cast<std::uint8_t>(size >> 8U),
                             static_cast<std::uint8_t>(size), 0, 0, 0, 0, 0, 0});
  return query;
}

base::IpAddress ip(const char* text) {
  return base::parse_ip(text).value();
}

TEST(DnsMessage, ReadsAQuestion) {
  const DnsQuery q = parse_dns_query(ask("WeB.Front", dns_type::kAaaa));
  EXPECT_EQ(q.state, DnsQuery::State::Ok);
  EXPECT_EQ(q.id, 0x1234);
  EXPECT_EQ(q.name, "web.front");
  EXPECT_EQ(q.type, dns_type::kAaaa);
  EXPECT_EQ(q.klass, 1);
  EXPECT_FALSE(q.edns);
  EXPECT_EQ(q.udp_size, 512);
  const DnsQuery e = parse_dns_query(with_opt(ask("web", dns_type::kA), 1232));
  EXPECT_TRUE(e.edns);
  EXPECT_EQ(e.udp_size, 1232);
  EXPECT_EQ(parse_dns_query(with_opt(ask("web", dns_type::kA), 100)).udp_size, 512);
}

TEST(DnsMessage, OddBytesInNames) {
  DnsBytes q = ask("axb", dns_type::kA);
  q[14] = '.';  // a dot inside a label is not two labels
  EXPECT_EQ(parse_dns_query(q).name, "a\\046b");
  q[14] = 0;
  EXPECT_EQ(parse_dns_query(q).name, "a\\000b");
}

TEST(DnsMessage, HostileQueries) {
  using State = DnsQuery::State;
  const DnsBytes good = ask("web", dns_type::kA);
  for (std::size_t size = 0; size < good.size(); ++size) {
    const DnsQuery q = parse_dns_query(DnsView(good).first(size));
    EXPECT_EQ(q.state, size < 12 ? State::NotAQuery : State::Bad) << size;
  }
  DnsBytes response = good;
  response[2] |= 0x80U;
  EXPECT_EQ(parse_dns_query(response).state, State::NotAQuery);

  struct Case {
    const char* what;
    DnsBytes bytes;
    DnsCode code;
  };
  DnsBytes loop(good.begin(), good.begin() + 12);
  loop.insert(loop.end(), {0xc0, 12, 0, 1, 0, 1});
  DnsBytes reserved = good;
  reserved[12] = 0x80;
  DnsBytes none = good;
  none[5] = 0;
  DnsBytes two = good;
  two[5] = 2;
  DnsBytes update = good;
  update[2] = 0x28;
  DnsBytes promised = good;
  promised[7] = 1;
  DnsBytes two_opts = with_opt(with_opt(good, 1232), 1232);
  DnsBytes opt_long = with_opt(good, 1232);
  opt_long.back() = 9;
  DnsBytes deep(good.begin(), good.begin() + 12);
  for (int i = 0; i < 200; ++i) deep.insert(deep.end(), {1, 'a'});
  deep.insert(deep.end(), {0, 0, 1, 0, 1});
  const std::vector<Case> table = {{"pointer to itself", loop, DnsCode::FormErr},
                                   {"reserved label", reserved, DnsCode::FormErr},
                                   {"no question", none, DnsCode::FormErr},
                                   {"two questions", two, DnsCode::FormErr},
                                   {"update", update, DnsCode::NotImp},
                                   {"missing record", promised, DnsCode::FormErr},
                                   {"two OPT", two_opts, DnsCode::FormErr},
                                   {"OPT too long", opt_long, DnsCode::FormErr},
                                   {"name over 255 bytes", deep, DnsCode::FormErr}};
  for (const Case& c : table) {
    const DnsQuery q = parse_dns_query(c.bytes);
    EXPECT_EQ(q.state, State::Bad) << c.what;
    EXPECT_EQ(q.code, c.code) << c.what;
    const DnsBytes answer = build_dns_answer(c.bytes, q, {q.code, {}, {}, 0}, 512);
    EXPECT_EQ(dns_code(answer), c.code) << c.what;
    EXPECT_EQ(dns_id(answer), 0x1234) << c.what;
  }
}

TEST(DnsMessage, RandomBytesNeverHarm) {
  std::mt19937 random(1);
  const DnsBytes seed = with_opt(ask("web.front", dns_type::kA), 1232);
  for (int round = 0; round < 20'000; ++round) {
    DnsBytes bytes = seed;
    for (int i = 0; i < 4; ++i)
      bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
    bytes.resize(random() % (bytes.size() + 1));
    const DnsQuery q = parse_dns_query(bytes);
    EXPECT_LE(q.question_end, bytes.size());
    if (q.state == DnsQuery::State::NotAQuery) continue;
    (void)build_dns_answer(bytes, q, {q.code, {ip("10.0.0.1")}, "x.y", 1}, q.udp_size);
    (void)is_dns_answer(bytes, seed, q.id);
    (void)parse_reverse_name(q.name);
  }
}

TEST(DnsMessage, AnswersRepeatTheQuestionAsAsked) {
  const DnsBytes query = with_opt(ask("wEb", dns_type::kA), 1232);
  const DnsQuery q = parse_dns_query(query);
  const DnsBytes a =
      build_dns_answer(query, q, {DnsCode::NoError, {ip("10.1.2.3"), ip("10.1.2.4")}, {}, 5}, 512);
  const DnsBytes expected = {
      0x12, 0x34, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 1,               // header
      3,    'w',  'E',  'b',  0, 0, 1, 0, 1,                        // question
      0xc0, 12,   0,    1,    0, 1, 0, 0, 0, 5, 0, 4, 10, 1, 2, 3,  // two answers
      0xc0, 12,   0,    1,    0, 1, 0, 0, 0, 5, 0, 4, 10, 1, 2, 4,
      0,    0,    41,   0x10, 0, 0, 0, 0, 0, 0, 0};  // OPT
  EXPECT_EQ(a, expected);
  EXPECT_TRUE(is_dns_answer(a, query, 0x1234));
  EXPECT_FALSE(is_dns_answer(a, query, 0x1235));
  EXPECT_FALSE(is_dns_answer(a, ask("wex", dns_type::kA), 0x1234));
  EXPECT_FALSE(is_dns_answer(a, ask("web", dns_type::kAaaa), 0x1234));
  EXPECT_FALSE(is_dns_answer(query, query, 0x1234));  // not an answer at all
  EXPECT_FALSE(is_dns_answer(DnsView(a).first(14), query, 0x1234));
}

TEST(DnsMessage, TooManyAddressesSetTruncation) {
  const DnsBytes query = ask("web", dns_type::kA);
  const DnsQuery q = parse_dns_query(query);
  const std::vector<base::IpAddress> many(100, ip("10.0.0.1"));
  const DnsBytes small = build_dns_answer(query, q, {DnsCode::NoError, many, {}, 1}, 512);
  EXPECT_LE(small.size(), 512U);
  EXPECT_NE(small[2] & 0x02U, 0U);
  EXPECT_EQ(small[7], (512 - 21) / 16);
  const DnsBytes whole = build_dns_answer(query, q, {DnsCode::NoError, many, {}, 1}, 65535);
  EXPECT_EQ(whole[2] & 0x02U, 0U);
  EXPECT_EQ(whole[7], 100);
}

TEST(DnsMessage, ReverseNames) {
  EXPECT_EQ(parse_reverse_name("4.3.2.1.in-addr.arpa"), ip("1.2.3.4"));
  EXPECT_EQ(parse_reverse_name(
                "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa"),
            ip("fd00::1"));
  for (const char* bad :
       {"", "in-addr.arpa", ".in-addr.arpa", "3.2.1.in-addr.arpa", "ip6.arpa",
        "256.3.2.1.in-addr.arpa", "x.3.2.1.in-addr.arpa", "web", "1.0.ip6.arpa",
        "9.4.3.2.1.in-addr.arpa",
        "g.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa"}) {
    EXPECT_FALSE(parse_reverse_name(bad)) << bad;
  }
  const DnsBytes query = ask("4.3.2.1.in-addr.arpa", dns_type::kPtr);
  const DnsBytes a =
      build_dns_answer(query, parse_dns_query(query), {DnsCode::NoError, {}, "web.front", 1}, 512);
  const DnsBytes tail = name_bytes("web.front");
  EXPECT_EQ(a[7], 1);
  EXPECT_TRUE(std::equal(tail.rbegin(), tail.rend(), a.rbegin()));
}

TEST(DnsForward, ResolvConf) {
  const auto servers = parse_resolv_conf(
      "# nameserver 9.9.9.9\n"
      "domain x\nnameserver 127.0.0.53\n  nameserver\t10.0.0.1 # one\nnameserverx 1.1.1.1\n"
      "nameserver bad\nnameserver ::1\nnameserver 10.0.0.2\n");
  ASSERT_EQ(servers.size(), 3U);
  EXPECT_EQ(servers[0].address, ip("127.0.0.53"));
  EXPECT_EQ(servers[1].address, ip("10.0.0.1"));
  EXPECT_EQ(servers[2].address, ip("::1"));
  EXPECT_TRUE(parse_resolv_conf("").empty());
  EXPECT_EQ(parse_dns_server("fe80::1%lo").value().scope, 1U);
  for (const char* bad : {"", "x", "1.2.3.4%lo", "fe80::1%none-such", "1.2.3.4:53"}) {
    EXPECT_FALSE(parse_dns_server(bad)) << bad;
  }
}

}  // namespace
}  // namespace supervisor
