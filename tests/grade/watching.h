// What the checks of the architectures see of a server from outside: its threads and children, and what
// they sleep in and work at. Each function that expects something ends its check if that is not so.
#ifndef ZEN_TESTS_GRADE_WATCHING_H
#define ZEN_TESTS_GRADE_WATCHING_H

#include "check.h"

#include <cstddef>
#include <set>
#include <string>
#include <vector>

namespace grade {

/// A client that has been answered once, and stays; so many of them.
Talk talking_client(Server &server);
std::vector<Talk> talking_clients(Server &server, int count);

/// A question, or a frame of which each length of abs is the same in either byte order, and what must
/// come back.
test::Exchange simple_exchange(const Program &program);
/// Whether a client gets an answer within the limit when it has sent that. For the Zen protocol, it
/// need not be right word for word.
bool is_answered(Server &server, Talk &client, Milliseconds limit = patience);

/// Sends, and reads nothing, until the server has taken nothing for a fifth of a second.
void send_until_stuck(Talk &client, std::string_view bytes);

/// How many bytes of the `answers` that it has made for a client the server itself still has: neither
/// its kernel nor that of the client, which has read none of them, has got these.
long kept_for(Talk &client, std::size_t answers);

/// That it comes to have so many threads; so many children, zombies included.
void expect_threads(const Server &server, std::size_t count, const std::string &when);
void expect_children(const Server &server, std::size_t count, const std::string &when);

/// That one of the threads comes to sleep in such a call, if that can be seen here.
void expect_a_thread_in(const Server &server, const std::set<long> &calls, const std::string &name,
                        const std::string &when);
/// That a single thread sleeps in such a call, if that can be seen here: the master.
void expect_one_master_in(const Server &server, const std::set<long> &calls,
                          const std::string &name);

/// That a server which has been busy has done everything in its first thread. Threads that have ended
/// since cannot be counted, but the time that they have used can.
void expect_no_other_threads(const Server &server);
/// That a server whose workers have had much to do has not done it all in one thread, if that can be
/// seen here.
void expect_work_of_several(const Server &server);

/// What was to be seen while a UDP server answered 1000 datagrams.
struct Seen {
    std::size_t threads = 0, children = 0; ///< most at a time
    bool waited_for_children = false;
    bool started_as_many = false; ///< as many processes or threads as datagrams, on this machine
};
Seen watch_answers(Server &server);

} // namespace grade

#endif
