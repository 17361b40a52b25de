// zuc: Zen client, UDP. Asks a server the three questions, a datagram each, and prints the answers.
//
// Run:        ./zus/zus              in one terminal, or any other UDP server of the kit
//             ./zuc/zuc              in another (127.0.0.1, port 65432; -h tells the options)
// What TCP does for zenc, zuc has to do itself: a datagram may be lost, repeated or late, so it
// asks again each second, and drops an answer that belongs to another question.
// Simplified: it prints what the server answers, right or wrong.
// See also:   zus (the server), zenc (the same over TCP).

#include "../program.h"
#include "../zen.h"

#include <list>
#include <set>

#include <poll.h>

constexpr zen::Program program = {"zuc", "UDP client of the Zen protocol.",
                                  "t:", "./zuc/zuc localhost 8000"};

// A socket for each of the host's addresses.
std::list<zen::Descriptor> open_sockets(const zen::Options &options, const std::string &name) {
    std::list<zen::Descriptor> servers;
    const zen::Addresses addresses = zen::resolve(options.host, options.port, SOCK_DGRAM);
    int error = 0;
    for (auto *info = addresses.get(); info; info = info->ai_next) {
        zen::Descriptor server(socket(info->ai_family, SOCK_DGRAM, 0));
        // This sends nothing. It makes the kernel drop what comes from any other address, and
        // report when the host says that nobody has the port (ECONNREFUSED).
        int failed = server ? EINTR : errno;
        while (failed == EINTR)
            failed = connect(server.get(), info->ai_addr, info->ai_addrlen) == 0 ? 0 : errno;
        if (failed == 0) servers.push_back(std::move(server));
        else error = zen::telling_error(error, failed);
    }
    if (servers.empty()) zen::fail("cannot connect to " + name, error);
    return servers;
}

// Whether `answer` is one to `question`: it ends with a full stop, is not the table's answer to
// another question, and has not come before (then it is late, or a duplicate).
bool is_answer(std::string_view answer, std::string_view question,
               const std::set<std::string> &earlier) {
    for (const zen::Exchange &other : zen::table)
        if (other.question != question && other.answer == answer) return false;
    return answer.ends_with('.') && !earlier.count(std::string(answer));
}

// The time until `end` as poll takes it: milliseconds, 0 when it has come.
int milliseconds_until(zen::Clock::time_point end) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - zen::Clock::now());
    return static_cast<int>(std::max<std::chrono::milliseconds::rep>(left.count(), 0));
}

// Asks the first of `servers`, again each second, and returns the answer. A server that was silent
// goes to the end of the list, and a server that is not there leaves it. Throws after `timeout`.
std::string ask(std::list<zen::Descriptor> &servers, const std::string &name,
                std::string_view question, const std::set<std::string> &earlier, int timeout) {
    int reason = ETIMEDOUT;
    char buffer[zen::max_message + 1]; // recv cuts what is longer: one byte more shows it
    for (int seconds = 0; timeout == 0 || seconds < timeout; ++seconds) {
        send(servers.front().get(), question.data(), question.size(), 0); // else in a second
        if (seconds == 0) zen::print("Sent: ", question);
        const auto second = zen::Clock::now() + std::chrono::seconds(1);
        while (const int left = milliseconds_until(second)) {
            pollfd source = {servers.front().get(), POLLIN, 0};
            if (poll(&source, 1, left) <= 0) continue;
            const ssize_t size = recv(servers.front().get(), buffer, sizeof buffer, 0);
            if (size > static_cast<ssize_t>(zen::max_message))
                throw std::runtime_error("answer too long from " + name);
            if (size >= 0) {
                const auto answer = zen::trim({buffer, static_cast<std::size_t>(size)});
                if (is_answer(answer, question, earlier)) return std::string(answer);
            } else if (errno == ECONNREFUSED) {
                reason = ECONNREFUSED;
                if (servers.size() == 1) continue; // it may be there in a second
                servers.pop_front();
                send(servers.front().get(), question.data(), question.size(), 0);
            }
        }
        servers.splice(servers.end(), servers, servers.begin());
    }
    zen::fail("no answer from " + name, reason);
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    const std::string name = zen::address_name(options.host, options.port);
    try {
        std::list<zen::Descriptor> servers = open_sockets(options, name);
        std::set<std::string> answers;
        for (const zen::Exchange &exchange : zen::table) {
            const std::string answer =
                ask(servers, name, exchange.question, answers, options.timeout);
            zen::print("Received: ", answer);
            answers.insert(answer);
        }
    } catch (const std::exception &error) {
        return zen::report(program, error.what());
    }
}
