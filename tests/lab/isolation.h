// A place for a section: a copy of the kit, and, where the system lets us, a network and processes
// of its own, so that several sections can use the same ports at the same time.
#ifndef ZEN_LAB_ISOLATION_H
#define ZEN_LAB_ISOLATION_H

#include <functional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace lab {

/// Makes `directory` a copy of the kit in the current directory, with the programs that are built or
/// without them.
void copy_kit(const std::string &directory, bool with_programs);

/// Whether processes may be given a network of their own (as root, or where users may).
bool can_isolate();

/// Starts a process, with a network and processes of its own if `isolated`. It runs `body`, which
/// returns an exit status, and is the first process there: when it ends all the others do.
pid_t start(bool isolated, const std::function<int()> &body);

/// What keeps one of the ports from being used, for TCP or for UDP; empty: nothing.
std::string taken_port(const std::vector<int> &ports);

} // namespace lab

#endif
