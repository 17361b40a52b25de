// What the checks of the servers of lines have in common: tacn, chats, game and gamec.
#ifndef ZEN_TESTS_GRADE_CHECKS_LINES_H
#define ZEN_TESTS_GRADE_CHECKS_LINES_H

#include "check.h"

#include <string>
#include <vector>

namespace grade {

inline bool is_a_game(const Program &program) { return program.name.starts_with("game"); }

/// What a client of such a server says first.
inline std::string first_line(const Program &program) {
    static int clients = 0; // for a name that nobody else has
    return program.name == "chats" ? "CONNECT test" + std::to_string(++clients) : "0";
}

/// A text in the answer to a line with that number; in a chat, the speaker gets one as well.
inline std::string answer_to(const Program &program, const std::string &line) {
    return is_a_game(program) ? "Please guess a number from 1 to 100." : line + "\n";
}
inline std::string answer_to_first(const Program &program) {
    return program.name == "chats" ? " connected!\n" : answer_to(program, "0");
}

/// A client that has said its first line, and has got an answer.
inline Talk greeted(Server &server, int receive_buffer = 0,
                    const std::string &otherwise = "a client was not served") {
    Talk client(server, receive_buffer);
    client.send(first_line(server.program()) + "\n");
    client.expect_texts({answer_to_first(server.program())}, otherwise);
    return client;
}

/// That a fresh client is served, whatever has happened to others.
inline void greet_another(Server &server,
                          const std::string &otherwise = "another client was not served") {
    greeted(server, 0, otherwise);
}

/// Somebody in a chat, who has been welcomed.
class User : public Talk {
  public:
    User(const Server &server, const std::string &name, int receive_buffer = 0)
        : Talk(server, receive_buffer) {
        send("CONNECT " + name + "\n");
        const std::string welcome = line("nobody was welcomed");
        if (!welcome.starts_with("Welcome!"))
            fail("the answer to CONNECT " + name + " is no welcome",
                 "Welcome! 1 user(s) are online!", test::shown(welcome));
        expect_line(name + " connected!", "who comes does not hear that");
    }
    /// Waits for a line of the beginning, whatever comes before.
    void wait_for(const std::string &beginning) {
        std::string last, line;
        do {
            if (!take_line(line, patience)) fail("a line did not come", beginning, last);
            last = line;
        } while (!line.starts_with(beginning));
    }
};

} // namespace grade

#endif
