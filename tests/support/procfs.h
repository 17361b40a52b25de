// What the kernel tells about processes and connections (Linux: /proc, sock_diag).
#ifndef ZEN_TESTS_PROCFS_H
#define ZEN_TESTS_PROCFS_H

#include "sockets.h"

#include <functional>
#include <set>
#include <vector>

namespace test {

// A sanitizer makes memory look different, and ThreadSanitizer has a thread of its own in each
// process.
#if defined(__has_feature)
#define ZEN_HAS_FEATURE(feature) __has_feature(feature)
#else
#define ZEN_HAS_FEATURE(feature) 0
#endif
#if defined(__SANITIZE_THREAD__) || ZEN_HAS_FEATURE(thread_sanitizer)
inline constexpr std::size_t sanitizer_threads = 1;
#else
inline constexpr std::size_t sanitizer_threads = 0;
#endif
#if defined(__SANITIZE_ADDRESS__) || ZEN_HAS_FEATURE(address_sanitizer)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = sanitizer_threads > 0;
#endif

/// Polls until `condition` holds. False: it does not, within the limit. For what only /proc can
/// tell.
bool eventually(const std::function<bool()> &condition, Milliseconds limit = patience);

/// The threads and the open descriptors of a process: none if there is no such process.
std::vector<pid_t> threads(pid_t pid);
std::size_t thread_count(pid_t pid);
std::size_t descriptor_count(pid_t pid);

/// The children of a process, those that have ended but are not reaped (zombies) included.
std::vector<pid_t> children(pid_t pid);

/// The memory of a process that is in use and in no file (RssAnon), and the most that has been in
/// use of all kinds (VmHWM), in KiB.
long resident_memory(pid_t pid);
long peak_memory(pid_t pid);

/// The memory that the limit RLIMIT_DATA counts (VmData), in KiB.
long data_memory(pid_t pid);

/// The processor time that a process has used; and that of its threads, ended ones included, but for
/// the first: exact where the system tells of nanoseconds, and else of ticks.
Milliseconds processor_time(pid_t pid);
std::chrono::microseconds processor_time_of_other_threads(pid_t pid);

/// How often the threads of a process have gone to sleep until now, each wait that was over and done
/// with included: while nothing happens, this is how often they wake up. 0 if there is none.
long times_slept(pid_t pid);

/// How long the threads of a process have run or wanted to, since they began: a loop that never
/// sleeps wants to all the time, however loaded the machine is. 0 if the system does not tell.
Milliseconds runnable_time(pid_t pid);

/// Stops a process by SIGSTOP, and waits until it has stopped; and has it go on as well.
void stop(pid_t pid);
void stop_and_continue(pid_t pid);

/// The port that a process listens on, or has bound for UDP; 0 if none.
std::uint16_t bound_port(pid_t pid);

/// How many bytes of memory the datagrams take that wait in the UDP socket bound to that port.
long unread_datagrams(std::uint16_t port);

/// The number of the system call in which a thread of the process sleeps; -1 if it runs, or if the
/// system does not tell.
long sleeping_in(pid_t pid);

/// The system calls in which a program may sleep, as far as this processor has them.
extern const std::set<long> accept_calls, receive_calls, select_calls, poll_calls, epoll_calls,
    sleep_calls;

/// What the peer of `connection`, on this machine and by IPv4, has received and not read, in bytes;
/// -1 if the peer is gone.
long unread_by_peer(const Connection &connection);
/// What the peer has given to its kernel, which has not come here yet, in bytes.
long under_way_from_peer(const Connection &connection);
/// Whether no process has the peer as a descriptor: not yet, before it is accepted, or not any more.
bool is_closed_by_peer(const Connection &connection);

/// Waits until it has read all that was sent to it.
bool wait_until_read(const Connection &connection);

/// Waits until it has read all, or has read nothing for half a second.
void wait_until_read_or_stuck(const Connection &connection);

} // namespace test

#endif
