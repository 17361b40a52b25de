// What a picture of a server shows: who sleeps in which call, and what wakes whom. It is made of what
// strace has recorded of the server, and of what the clients have recorded of themselves.
#ifndef ZEN_TESTS_PICTURE_MODEL_H
#define ZEN_TESTS_PICTURE_MODEL_H

#include "strace.h"

#include <string>
#include <vector>

namespace picture {

/// A step of a client. Times are as in a trace.
struct Step {
    enum class Kind { connect, send, receive, close } kind;
    double begin = 0, end = 0;
    std::string bytes; ///< sent or received
};

/// A client as it has seen itself.
struct Client {
    std::string name, habit; ///< "client 2", "cuts a question in two"
    int port = 0;            ///< its own, by which the server's calls tell it
    std::vector<Step> steps;
};

/// When the picture begins and ends.
struct Span {
    double begin = 0, end = 0;
};

/// A call that slept. `peer` is the client on whose connection it was made, else empty.
struct Bar {
    double begin = 0, end = 0;
    std::string name, peer;
};

struct Tick {
    enum class Kind { accept, connect, close } kind;
    double at = 0;
};

/// What a client has sent or received.
struct Note {
    double at = 0;
    bool sent = false;
    std::string text;
};

/// A thread or a process of the server, or a client.
struct Lane {
    std::string name, habit;
    bool is_client = false;
    double begin = 0, end = 0; ///< of its life, as far as the picture shows it
    std::vector<Bar> bars;
    std::vector<Tick> ticks;
    std::vector<Note> notes;
};

/// From what one lane has done to the call that this ended in another one.
struct Arrow {
    enum class Kind {
        bytes,
        connect,
        close
    } kind;                       ///< a send and its recv; to accept; to the end of file
    std::size_t from = 0, to = 0; ///< lanes
    double sent = 0, taken = 0;
};

struct Picture {
    std::string title;
    Span span;
    std::vector<Lane> lanes; ///< the clients first
    std::vector<Arrow> arrows;
};

/// A call that took longer than this, in seconds, slept, if it is one that can. A send seldom has to, and on a
/// busy machine it takes its time without.
constexpr double asleep = 0.003, asleep_in_send = 0.05;

/// The name by which a program calls it: "recv" where strace says "recvfrom", with no address.
std::string function_name(const Call &call);

/// Makes the picture. What lies outside of `span` is left out, or cut off at its ends.
Picture make_picture(const std::string &title, const Trace &server,
                     const std::vector<Client> &clients, Span span);

} // namespace picture

#endif
