// nf_tables over netlink: one transaction that replaces or removes a table of ours, and reading
// back. Knows expressions and messages, not what they are for (isolation.cpp and ports.cpp do).
// Family inet throughout: one table serves v4 and v6.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.hpp"
#include "netfab/netlink.hpp"

namespace netfab::nft {

enum class Verdict : std::uint8_t { Accept, Drop, Return };
enum class Interface : std::uint8_t { In, Out };
enum class Match : std::uint8_t { Equal, Differs };

// Where NFT_REG32_00 lies; registers are 4 bytes each, counted from here.
constexpr std::uint32_t kRegister = 8;

// One rule's expressions, appended in the order of the calls.
class Rule {
 public:
  explicit Rule(Message& message) : message_(message) {}

  Rule& family(base::Family family);
  Rule& interface(Interface side, Match match, const std::string& name);
  Rule& not_loopback_in();
  Rule& source_in(const base::Cidr& network) { return address_in(true, network); }
  Rule& target_in(const base::Cidr& network) { return address_in(false, network); }
  Rule& target_is_not(const base::IpAddress& address);
  Rule& target_is_local();   // fib daddr type local
  Rule& connection_known();  // ct state established,related
  Rule& connection_dnat();   // ct status dnat
  Rule& verdict(Verdict verdict);
  Rule& jump(const std::string& chain);
  Rule& masquerade();

  void load_protocol(std::uint32_t reg);  // meta l4proto
  void load_target_address(base::Family family, std::uint32_t reg);
  void load_target_port(std::uint32_t reg);  // th dport
  void lookup(const std::string& map, std::uint32_t source, std::uint32_t target);
  void dnat(base::Family family, std::uint32_t address, std::uint32_t port);

  [[nodiscard]] bool jumps() const { return jumps_; }

 private:
  Rule& address_in(bool source, const base::Cidr& network);
  template <class Fill>
  void expression(const char* name, Fill&& fill);
  void meta(std::uint32_t key, std::uint32_t reg = kRegister);
  void payload(std::uint32_t base, std::uint32_t offset, std::uint32_t size, std::uint32_t reg);
  void compare(Match match, const void* data, std::size_t size);
  void mask(const void* data, std::size_t size);
  void connection_bits(std::uint32_t key, std::uint32_t bits);

  Message& message_;
  bool jumps_ = false;
};

struct BaseChain {
  const char* name;
  const char* type;  // "filter", "nat"
  std::uint32_t hook;
  std::int32_t priority;
};

struct Map {
  std::string name;
  std::uint32_t key_type, key_size, data_type, data_size;
};

struct Element {
  std::vector<std::uint8_t> key;
  std::vector<std::uint8_t> data;
};

// What a table of ours says about itself in its user data.
struct TableNote {
  std::string comment;  // for people: nft lists it
  std::string device;   // a network's bridge
  bool internal = false;
  std::uint32_t uses = 0;  // rules and jumps it was made with: fewer or more is drift
};

// Collects messages; nothing happens before commit(), which replaces the table if it is
// there and makes it otherwise: packets and readers meet the old one or the new one.
class Transaction {
 public:
  Transaction(std::string table, TableNote note);

  void chain(const BaseChain& chain);
  void chain(const std::string& name);
  template <class Fill>
  void rule(const std::string& chain, Fill&& fill) {
    Message& message = begin_rule(chain);
    nlattr* list = begin_expressions(message);
    Rule rule(message);
    fill(rule);
    message.end_nest(list);
    note_.uses += rule.jumps() ? 2 : 1;
  }
  void map(const Map& map);
  void elements(const std::string& map, const std::vector<Element>& elements);
  void commit();

 private:
  Message& add(int type, int flags, std::size_t capacity = 1024);
  Message& begin_rule(const std::string& chain);
  static nlattr* begin_expressions(Message& message);

  std::string table_;
  TableNote note_;
  std::vector<Message> messages_;
};

// Absent is fine.
void remove_table(const std::string& table);

struct Table {
  std::string name;
  TableNote note;
  bool intact = false;  // has the rules it was made with, and its chains let pass what no rule ends
};
// Inet tables whose name starts with one of ours. Two dumps, however many there are.
std::vector<Table> own_tables();
// Nothing when table or map does not exist.
std::vector<Element> read_elements(const std::string& table, const std::string& map);

}  // namespace netfab::nft
