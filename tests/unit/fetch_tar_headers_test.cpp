#include "fetch/tar_headers.hpp"

#include <gtest/gtest.h>

#include <string>

#include "base/error.hpp"
#include "base/text.hpp"

namespace {

using std::string_literals::operator""s;

std::string header(char type, const std::string& size) {
  std::string out(512, '\0');
  size.copy(out.data() + 124, 12);
  out[156] = type;
  return out;
}

std::string octal(std::size_t number) {
  std::string out;
  for (; number > 0; number /= 8) out.insert(out.begin(), static_cast<char>('0' + number % 8));
  return out;
}

std::string extended(char type, std::string body) {
  const std::string size = octal(body.size());
  body.resize((body.size() + 511) / 512 * 512);
  return header(type, size) + body;
}

std::string headers_refused(const std::string& area) {
  try {
    fetch::check_tar_headers(area);
  } catch (const base::Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(TarHeaders, OrdinaryOnesPass) {
  EXPECT_EQ(headers_refused(""), "accepted");
  EXPECT_EQ(headers_refused(header('0', "")), "accepted");
  EXPECT_EQ(headers_refused(extended('x', "8 a=\0b\n\n"s) + header('0', "")), "accepted");
  EXPECT_EQ(headers_refused(extended('x', "9 path=x\n21 comment=long text\n") + header('0', "")),
            "accepted");
  EXPECT_EQ(headers_refused(extended('L', "a\0b"s) + extended('K', "a\0b"s) + header('0', "")),
            "accepted");
  EXPECT_EQ(headers_refused(header('0', "") + extended('x', "10 path=\0\n"s)), "accepted")
      << "is content";
}

TEST(TarHeaders, NulInANameIsRefused) {
  for (const char* key : {"path", "linkpath", "uname", "gname", "GNU.sparse.name"}) {
    const std::string record = base::cat(" ", key, "=a\0b\n"s);
    const std::string body = base::cat(record.size() + 2, record);
    for (const char type : {'x', 'g'}) {
      EXPECT_NE(headers_refused(extended(type, body) + header('0', "")).find(key),
                std::string::npos);
      EXPECT_NE(
          headers_refused(extended('L', "n") + extended('g', "9 path=x\n") + extended(type, body))
              .find(key),
          std::string::npos);
    }
  }
}

TEST(TarHeaders, MalformedRecordsAreRefused) {
  for (const std::string& body : {"x"s, "9"s, " a=b\n"s, "9 path=x "s, "99 path=x\n"s, "3 =\n"s,
                                  "5 =b\n"s, "5 ab\n"s, "2 a=b\n"s, "-6 a=b\n"s, "6 a=b\n7"s,
                                  "8 a\0b=c\n"s, "99999999999999999999 a=b\n"s, "6 a=b\n\0\0\0"s}) {
    EXPECT_NE(headers_refused(extended('x', body)).find("malformed"), std::string::npos) << body;
  }
}

TEST(TarHeaders, WhatReadersMeasureDifferentlyIsRefused) {
  const std::string body = std::string(512, ' ');
  for (const std::string& size :
       {"\0\0\0"s + "10"s, "8"s, "-1"s, "10 10"s, "1x"s, "\x80\0\0\0\0\0\0\0\0\0\0\1"s}) {
    EXPECT_NE(headers_refused(header('L', size) + body).find("no number"), std::string::npos)
        << size;
  }
  EXPECT_NE(headers_refused(header('L', "4000001")).find("1 MiB"), std::string::npos);
  EXPECT_NE(headers_refused(header('x', "1000") + body.substr(1)).find("cut short"),
            std::string::npos);
  for (const char type : {'A', 'V', 'X'})
    EXPECT_NE(headers_refused(header(type, "")).find("are refused"), std::string::npos);
  EXPECT_EQ(headers_refused(header('L', "  10 \0 "s) + body), "accepted");
}

}  // namespace
