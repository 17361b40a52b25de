// tacr in another style: it reads whatever is there and splits it by itself, and sends all answers
// in it together. What a refused client still sends is read by a task of its own.

#include "conversation.h"
#include "streams.h"
#include "waiting.h"

using namespace std::chrono_literals;
using asyncio::Coroutine, asyncio::StreamReader, asyncio::StreamWriter;
using Limit = std::optional<asyncio::Seconds>;
constexpr zen::Program program = {"tacr", "TCP server of the Zen protocol by streams.",
                                  "eqt:", "./asyncio/tacr -t 10 127.0.0.1 8000"};

Coroutine<void> ignore(StreamReader reader) {
    try {
        for (std::size_t left = 262'144, size = 1; size > 0 && left > 0;) {
            const auto bytes = co_await reader.read(left);
            size = bytes.size();
            left -= size;
        }
    } catch (const std::exception &) { // the connection has failed, which is an end as well
    }
}

// Waits until a refused client has left, for a second, or for as long as it takes what is unsent.
Coroutine<void> see_off(StreamReader reader, StreamWriter writer) {
    writer.write_eof();
    const auto transport = writer.transport();
    std::vector<asyncio::Task<void>> leaving;
    leaving.push_back(asyncio::create_task(ignore(reader)));
    for (bool goes_on = true; goes_on;) {
        const std::size_t unsent = transport->get_write_buffer_size();
        const auto result = co_await asyncio::wait(leaving, asyncio::ALL_COMPLETED, 1s);
        goes_on = result.done.empty() && transport->get_write_buffer_size() < unsent;
    }
    leaving.front().cancel();
    if (leaving.front().done()) writer.close();
    else transport->abort();
}

Coroutine<void> converse(StreamReader reader, StreamWriter writer, Conversation talk, Limit limit) {
    for (bool open = true; open && !talk.refused;) {
        const auto bytes = co_await asyncio::wait_for(reader.read(4096), limit);
        writer.write(talk.answers_to(bytes));
        open = !bytes.empty();
        co_await asyncio::wait_for(writer.drain(), limit);
    }
    if (talk.refused) co_await see_off(reader, writer);
    writer.close();
    co_await asyncio::wait_for(writer.wait_closed(), limit);
}

Coroutine<void> serve_client(StreamReader reader, StreamWriter writer, bool echo, Limit limit) {
    const Conversation talk = {writer.get_extra_info("peername"), echo};
    zen::log("Connected by ", talk.name);
    try {
        co_await converse(reader, writer, talk, limit);
    } catch (const std::exception &error) {
        zen::log("Error with ", talk.name, ": ", error.what());
        writer.transport()->abort();
    }
    zen::log("Connection with ", talk.name, " closed");
}

Coroutine<void> serve(zen::Options options) {
    const Limit limit = options.timeout > 0 ? Limit(options.timeout) : std::nullopt;
    const auto each = [=](StreamReader reader, StreamWriter writer) {
        return serve_client(reader, writer, options.echo, limit);
    };
    const auto server = co_await asyncio::start_server(each, options.host, options.port);
    zen::say("TCP server started at ", server->sockname());
    co_await server->serve_forever();
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
