// make demo: runs each server with its client, and prints the lines of both in the order of the events, each
// marked with the name of its program. Exit status 1 if a pair fails. Needs no Catch2.
//
// Two programs write at the same time, so the order in which their lines are read tells nothing. But a
// client has an answer only after the server has answered: so before a line of the client is shown, that
// of the server is waited for which tells of what has caused it.
#include "support/process.h"
#include "support/programs.h"

#include <algorithm>
#include <cstdio>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

using namespace test;

namespace {

void show(std::string_view name, const std::string &line) {
    std::printf("%-7s | %s\n", std::string(name).c_str(), line.c_str());
    std::fflush(stdout);
}

bool not_written = false; // a program has said so, as in a handout

// Whether a process has ended with status 0. What it says on standard error is shown.
bool has_succeeded(Process &process, std::string_view name) {
    const auto status = process.wait_exit();
    const std::string error = process.standard_error();
    not_written |= error.find(": not written yet: ") != error.npos;
    if (!error.empty()) show(name, error.substr(0, error.size() - 1));
    return status && WIFEXITED(*status) && WEXITSTATUS(*status) == 0;
}

// Prints what a process writes until it ends; true if it exits with 0.
bool show_to_the_end(Process &process, std::string_view name) {
    while (const auto line = process.next_line()) show(name, *line);
    return has_succeeded(process, name);
}

// The lines of a server. Its threads log what they have done at any time after it: so a line on a question is
// kept until its turn has come.
class Log {
  public:
    Log(Process &server, std::string_view name) : server_(server), name_(name) {}

    /// Shows a line that begins with `beginning` and ends with `end`: waits for it.
    void show_one(std::string_view beginning, std::string_view end = {}) {
        const auto is_meant = [&](const std::string &line) {
            return line.starts_with(beginning) && line.ends_with(end);
        };
        if (const auto kept = std::find_if(kept_.begin(), kept_.end(), is_meant);
            kept != kept_.end()) {
            show(name_, *kept);
            kept_.erase(kept);
            return;
        }
        while (const auto line = server_.next_line()) {
            if (is_meant(*line)) return show(name_, *line);
            const bool has_its_turn =
                line->starts_with("Received from ") || line->starts_with("Sent to ");
            if (has_its_turn) kept_.push_back(*line);
            else show(name_, *line);
        }
    }
    void show_kept() {
        for (const std::string &line : kept_) show(name_, line);
        kept_.clear();
    }

  private:
    Process &server_;
    std::string_view name_;
    std::vector<std::string> kept_;
};

bool run(const Program &server_program, const Program &client_program) {
    const std::string_view server_name = server_program.name, client_name = client_program.name;
    Process server(command(server_program, {"127.0.0.1", "0"}));
    const std::string ready = server.next_line().value_or("");
    const auto colon = ready.rfind(':');
    if (colon == ready.npos) {
        show_to_the_end(server, server_name);
        return false;
    }
    show(server_name, ready);
    Process client(command(client_program, {"127.0.0.1", ready.substr(colon + 1)}));
    const bool connects = server_program.kind != Kind::udp_server;
    const bool has_frames = server_program.kind == Kind::framing_server;
    Log log(server, server_name);
    if (connects) log.show_one("Connected by ");
    while (const auto line = client.next_line()) {
        const std::string text =
            line->substr(std::min(line->find(": "), line->size())); // ": Ugly."
        // A server of frames sends back what it has received, and does not say so.
        if (line->starts_with("Received"))
            has_frames ? log.show_one("Received ") : log.show_one("Sent to ", text);
        show(client_name, *line);
        if (line->starts_with("Sent: ")) log.show_one("Received from ", text);
    }
    const bool answered = has_succeeded(client, client_name);
    log.show_kept();
    if (connects && answered) log.show_one("Connection with ", " closed");
    server.signal(SIGTERM);
    return show_to_the_end(server, server_name) && answered;
}

} // namespace

int main() {
    int failed = 0, unwritten = 0;
    for (const Program &server : programs) {
        if (!server.has('q')) continue; // a client
        const std::string path = kit_directory() + "/" + std::string(server.path);
        if (access(path.c_str(), X_OK) != 0) continue; // a handout may lack it
        const Program &client = client_of(server);
        std::printf("\n== %s and %s\n", std::string(server.name).c_str(),
                    std::string(client.name).c_str());
        bool passed = not_written = false;
        try {
            passed = run(server, client);
        } catch (const std::exception &error) {
            std::printf("%s\n", error.what());
        }
        if (passed) continue;
        if (not_written) {
            ++unwritten;
            continue;
        }
        std::printf("FAILED\n");
        ++failed;
    }
    std::printf("\n%s\n", failed      ? "Not every pair works."
                          : unwritten ? "The others work: some are still to be written."
                                      : "Each client got its answers.");
    return failed ? 1 : 0;
}
