// asyndg in another style: the protocol only puts what has come into a queue, and a task takes it
// out and answers. What finds the queue full is lost, as it could be lost on the way.

#include "../zen.h"
#include "connections.h"
#include "queues.h"

constexpr zen::Program program = {"asyndg", "UDP server of the Zen protocol with a queue.", "eq",
                                  "./asyncio/asyndg -e 127.0.0.1 8000"};

struct Letter {
    std::string bytes;
    zen::Address sender;
};
struct Mailbox : asyncio::DatagramProtocol {
    const asyncio::Queue<Letter> letters{1024};
    void datagram_received(std::string_view bytes, const zen::Address &sender) override {
        if (!letters.full()) letters.put_nowait({std::string(bytes), sender});
    }
    void error_received(std::exception_ptr error) override {
        zen::say("Error: ", asyncio::describe(error));
    }
};

// What is sent back for a letter; empty if it is nothing. The letter is logged.
std::string_view answer_to(const Letter &letter) {
    const std::string_view question = zen::trim(letter.bytes), answer = zen::answer_to(question);
    if (letter.bytes.size() > zen::max_message) {
        zen::log("Question too long from ", letter.sender);
        return "";
    }
    const char *what = answer.empty() ? "Unrecognized question from " : "Received from ";
    zen::log(what, letter.sender, ": ", question);
    return answer;
}

asyncio::Coroutine<void> serve(zen::Options options) {
    const auto mailbox = std::make_shared<Mailbox>();
    const auto factory = [mailbox] { return mailbox; };
    const asyncio::HostPort local = {options.host, options.port}, none;
    const auto endpoint = co_await asyncio::create_datagram_endpoint(factory, local, none);
    const auto transport = endpoint.first;
    zen::Address own;
    getsockname(transport->socket(), own.get(), &own.size);
    zen::say("UDP server started at ", own);
    while (true) {
        const Letter letter = co_await mailbox->letters.get();
        std::string_view reply = letter.bytes;
        if (!options.echo) reply = answer_to(letter);
        else zen::log("Received from ", letter.sender, ": ", reply);
        const bool answers = options.echo ? letter.sender.port() != own.port() : !reply.empty();
        if (!answers || transport->get_write_buffer_size() > 65'536) continue;
        transport->sendto(reply, letter.sender);
        zen::log("Sent to ", letter.sender, ": ", reply);
    }
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        asyncio::run(serve(options));
    } catch (const asyncio::KeyboardInterrupt &) {
        zen::log("Server stopped");
    } catch (const std::exception &error) {
        return zen::report(program, error.what());
    }
}
