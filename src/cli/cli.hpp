// The command line: parses arguments, runs one command, maps errors to exit codes.
#pragma once

namespace cli {

// Returns the exit status: 0 done, 1 failed, 2 (plan --detailed-exitcode) changes pending,
// 130 interrupted; `exec` passes the program's status through.
int run(int argc, char** argv);

}  // namespace cli
