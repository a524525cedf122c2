// check_tar_headers(): refuses what libarchive lets pass in the headers before an entry: it hands
// names over as C strings, so that a NUL in a PAX record would silently cut a name, and it ignores
// records that are malformed. Go's archive/tar, hence containerd, refuses both. GNU's long names
// end at a NUL for everybody. Follows the chain of headers strictly: what two readers could measure
// differently is refused.
#pragma once

#include <string_view>

namespace fetch {

// `area`: the bytes of the stream from the end of one entry's content to where libarchive has read
// the headers of the next. Throws base::Error.
void check_tar_headers(std::string_view area);

}  // namespace fetch
