// What the checks of the clients have in common: how a client is started, and how it must end.
#ifndef ZEN_TESTS_GRADE_CHECKS_CLIENTS_H
#define ZEN_TESTS_GRADE_CHECKS_CLIENTS_H

#include "check.h"

#include <sstream>
#include <string>
#include <vector>

namespace grade {

/// The arguments of a client: it is to be more patient than this process, which may be starved.
inline std::vector<std::string> at(const Endpoint &server,
                                   std::vector<std::string> options = {"-t", "30"}) {
    options.insert(options.end(), {server.host, std::to_string(server.port)});
    return options;
}

/// The lines of the output that begin with `beginning`, in order.
inline std::string lines(const Student &client, const std::string &beginning) {
    std::istringstream text(client.standard_output());
    std::string found;
    for (std::string line; std::getline(text, line);)
        if (line.rfind(beginning, 0) == 0) found += line + "\n";
    return found;
}

inline void expect_status(Student &client, int status) {
    if (const int found = client.exit_status(); found != status)
        fail("it ended otherwise", "exit status " + std::to_string(status), client.status_text());
}

/// The command that runs it by hand.
inline std::string run(const Program &program, const std::string &options = {}) {
    return "make " + program.file() + " && ./" + std::string(program.path) + options + "; echo $?";
}

/// For framing, what a client sends unless told otherwise; the server sends the same back.
inline const std::string &first_frame(const Program &program) {
    return test::exchanges(program)[0].question;
}

} // namespace grade

#endif
