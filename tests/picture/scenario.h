// The scenario of a picture: a server under strace and three clients, of which one is silent, one cuts a
// question in two (over UDP: asks two questions at once), and one is ordinary.
#ifndef ZEN_TESTS_PICTURE_SCENARIO_H
#define ZEN_TESTS_PICTURE_SCENARIO_H

#include "model.h"

#include "../support/process.h"
#include "../support/programs.h"

#include <string>
#include <vector>

namespace picture {

/// How the scenario runs. Between two steps there is a pause: what happens in it is what the picture shows.
struct Tempo {
    test::Milliseconds pause{100};
    test::Milliseconds limit{2'000}; ///< how long a client waits for its answers before it leaves
    /// A half question is followed by the other half when it was read, and the silent client leaves when the
    /// others were served: for tests, as a busy machine takes its time. Not for a server that serves one client
    /// after the other.
    bool step_by_step = false;
};

/// Whether there is a strace here, with the right to use it.
bool can_trace();

/// The servers of which there are pictures, as they are run: `mzts` with four workers, not 32.
std::vector<test::Program> pictured();
/// The row of that name, "zens" or "sszt-f"; throws if there is none.
test::Program pictured(const std::string &name);
/// The name of a row as that of a file and of a target of make: "sszt-f" for "sszt -f".
std::string file_name(const test::Program &server);

struct Recorded {
    std::string trace; ///< as strace has written it
    std::vector<Client> clients;
    Span span;
    std::string
        problem; ///< what was wrong with the server, if anything was: "no answer came to client 2"
};

/// Runs it, with the server that kit_directory() has. Throws if the server does not get ready.
Recorded record(const test::Program &server, const Tempo &tempo = {});

} // namespace picture

#endif
