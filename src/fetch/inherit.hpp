// inherit_folders(): a layer that only says "remove data/x" has a folder `data` too, and on an
// overlay it would hide the owner and mode of the lower layer's. They are taken from there.
#pragma once

#include <string>
#include <vector>

namespace fetch {

// `tree`: the unpacked layer; `implied`: its folders without an entry; `lower`: the trees below it,
// nearest first.
void inherit_folders(const std::string& tree, const std::vector<std::string>& implied,
                     const std::vector<std::string>& lower);

}  // namespace fetch
