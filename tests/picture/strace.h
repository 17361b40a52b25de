// What strace has written about a server (strace -f -ttt -T -yy), as a list of system calls.
#ifndef ZEN_TESTS_PICTURE_STRACE_H
#define ZEN_TESTS_PICTURE_STRACE_H

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace picture {

/// A system call of a thread. Times are in seconds since 1970.
struct Call {
    int thread = 0;
    double begin = 0, end = 0;
    bool ended = false; ///< false: it was still under way at the end of the text; `end` is 0
    std::string name, arguments;
    std::string result; ///< "3<TCP:[...]>", "-1 EAGAIN (...)", "? ERESTARTSYS (...)"; empty: none

    /// The number that it has returned; -1 if it has failed, or has returned none.
    long value() const;
    /// The first word of its arguments as a number, with which most calls name their descriptor; else -1.
    int descriptor() const;
    bool failed_with(std::string_view error) const; ///< "EAGAIN"
};

struct Trace {
    std::vector<Call> calls;     ///< in the order in which they began
    std::map<int, double> exits; ///< when threads have ended
};

/// Reads it. A call during which another thread made one stands in two lines, "<unfinished ...>" and
/// "<... recvfrom resumed>", which are put together. Lines of another form are skipped.
Trace read_strace(std::string_view text);

/// The ports at both ends of a connected socket, as -yy writes it: "4<TCP:[127.0.0.1:8000->127.0.0.1:51502]>".
/// Both are 0 if `word` has none.
struct Ends {
    int own = 0, peer = 0;
};
Ends ends_of(std::string_view word);

/// The port of an address in the arguments of a call, "sin_port=htons(51502)"; 0 if there is none.
int port_in(std::string_view arguments);

} // namespace picture

#endif
