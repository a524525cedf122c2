// Casts: a value of a stack file → the one form its type has in the canonical model. Wrong types
// are reported with what was expected. Source: the types of schema/compose-spec.json, and for
// text where another type is wanted docker compose's casts.
#pragma once

#include "spec/schema.hpp"

namespace spec {

// "services.web.tty must be true or false, not a list".
void wrong_type(const Node& node, const Path& path, std::string_view wanted, Report& report);

void as_bool(Node& node, const Path& path, Report& report);
void as_integer(Node& node, const Path& path, Report& report);
void as_number(Node& node, const Path& path, Report& report);
void as_bytes(Node& node, const Path& path, Report& report);
void as_duration(Node& node, const Path& path, Report& report);
void as_file_mode(Node& node, const Path& path, Report& report);
void as_words(Node& node, const Path& path, Report& report);

enum class Items : unsigned char { Text, TextOrNumber };
void as_list(Node& node, const Path& path, Report& report, Items items);

enum class Nulls : unsigned char { Kept, Emptied };
void as_mapping(Node& node, const Path& path, Report& report, Nulls nulls);
void as_options(Node& node, const Path& path, Report& report);
void as_hosts(Node& node, const Path& path, Report& report);

}  // namespace spec
