// stack-image: see fetch/run.hpp.
#include "fetch/run.hpp"

int main(int argc, char** argv) {
  return fetch::run(argc, argv);
}
