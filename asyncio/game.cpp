// game: guessing game for many players, with a thread for each player (socketserver.h). It is what
// the last lab begins with: write it again with asyncio, without threads. gamec is a solution.
//
// Run:        ./asyncio/game         in one terminal (127.0.0.1, port 65432; -h tells the options)
//             nc 127.0.0.1 65432     in others: each line is a guess
// Shared:     each player has a number of its own, but there is one record for all. Threads may
//             come to it at the same time, so there is a mutex.
// See also:   guessing.h (the game), gamec (by tasks), sszt (questions instead of guesses).

#include "../socketserver.h"
#include "../zen.h"
#include "guessing.h"

constexpr zen::Program program = {"game", "Guessing game for many players, with threads.",
                                  "qt:", "./asyncio/game -t 600 127.0.0.1 8000"};
int time_limit = 0; // seconds that recv and send may wait for a player; 0 = for ever
std::mutex mutex;   // for the record
guessing::Record record;

class Player : public socketserver::BaseRequestHandler {
    void setup() override {
        zen::log("Connected by ", *client_address);
        const timeval limit = {time_limit, 0};
        setsockopt(request->socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        setsockopt(request->socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    }

    // A game after the other, until the player leaves. Throws when the connection fails.
    void handle() override {
        zen::Messages lines('\n', guessing::max_line);
        char buffer[4096];
        socketserver::sendall(request->socket, guessing::welcome);
        while (!zen::stopping) {
            const ssize_t size = recv(request->socket, buffer, sizeof buffer, 0);
            if (size < 0 && errno == EINTR) continue; // the loop looks at stopping
            if (size < 0) zen::fail("cannot receive");
            if (size == 0) return; // end of file: the player has left
            lines.feed({buffer, static_cast<std::size_t>(size)});
            std::string answers; // to all lines that have come, in one send
            while (const auto line = lines.next()) answers += answer_to(*line);
            if (lines.too_long()) answers += guessing::too_long;
            socketserver::sendall(request->socket, answers);
            if (lines.too_long()) return zen::log("Line too long from ", *client_address);
        }
    }

    std::string answer_to(std::string_view line) {
        std::string answer = secret_.answer_to(line);
        if (answer.empty()) {
            answer = guessing::correct(secret_.guesses(), note(secret_.guesses()));
            secret_.choose();
        }
        zen::log("Received from ", *client_address, ": ", zen::trim(line));
        zen::log("Sent to ", *client_address, ": ", zen::trim(answer));
        return answer;
    }
    static int note(int guesses) {
        const std::lock_guard lock(mutex);
        return record.note(guesses);
    }
    guessing::Secret secret_;
};

struct GameServer : socketserver::TCPServer {
    using TCPServer::TCPServer;
    void shutdown_request(socketserver::Request &request) override {
        TCPServer::shutdown_request(request);
        zen::log("Connection with ", request.client_address, " closed");
    }
};

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    time_limit = options.timeout;
    try {
        using namespace socketserver;
        ThreadingMixIn<GameServer> server(options.host, options.port, handler<Player>);
        zen::stop_on_signals();
        zen::say("TCP server started at ", server.server_address());
        server.serve_forever();
        server.server_close(); // also those that are still open
        zen::log("Server stopped");
    } catch (const std::exception &error) {
        return zen::report(program, error.what());
    }
}
