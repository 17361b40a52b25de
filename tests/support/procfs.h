// What the kernel tells about a process and about connections, from /proc (Linux).
#ifndef ZEN_TESTS_PROCFS_H
#define ZEN_TESTS_PROCFS_H

#include "sockets.h"

#include <functional>
#include <set>

namespace test {

/// Polls until `condition` holds. False: it does not, within the limit. For what only /proc can
/// tell.
bool eventually(const std::function<bool()> &condition, Milliseconds limit = patience);

/// The threads of a process, or of a descriptor table: 0 if there is no such process.
std::size_t thread_count(pid_t pid);
std::size_t descriptor_count(pid_t pid);

/// The port that a process listens on, or has bound for UDP; 0 if none.
std::uint16_t bound_port(pid_t pid);

/// The number of the system call in which a thread of the process sleeps; -1 if it runs, or if the
/// system does not tell.
long sleeping_in(pid_t pid);

/// The system calls in which a program may sleep, as far as this processor has them.
extern const std::set<long> accept_calls, receive_calls;

/// Waits until the peer of `connection`, on this machine, has read all that was sent to it.
bool wait_until_read(const Connection &connection);

} // namespace test

#endif
