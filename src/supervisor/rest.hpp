// What keeper and supervisor hold while nothing happens.
#pragma once

namespace supervisor {

// Gives back what a start or a plan needed and rest does not: free memory of the heap, and the
// pages of the program's own code and constants, which come back from the page cache one by one as
// they are used.
void give_back_memory();

}  // namespace supervisor
