// chats: chat server, TCP, asynchronous with streams of asyncio. A client first sends "CONNECT
// name". Then all hear that the user is there, and what each of them says: also the one who says
// it, so that all hear the same lines in the same order.
//
// Run:        ./asyncio/chats        in one terminal (127.0.0.1, port 8000; -h tells the options)
//             ./asyncio/chatc ada    in others; or nc 127.0.0.1 8000, and type CONNECT ada
// Design:     nobody waits for anybody. What is said is queued for all (write), and nobody awaits
//             that it is sent (drain): who does not read is dropped when over 64 KiB are unsent,
//             besides what the kernel keeps. Who says nothing for -t seconds leaves, too.
// Simplified: what a user has said in the last moment before it is dropped may be lost.
// See also:   tacr (clients that do not hear each other), chatc (the client).

#include "lines.h"

using asyncio::Coroutine, asyncio::StreamReader, asyncio::StreamWriter;
constexpr zen::Program program = {"chats", "Chat server (asyncio).",
                                  "qt:", "./asyncio/chats -t 600 127.0.0.1 9000", "8000"};
constexpr std::size_t max_line = 1024, max_name = 32; // bytes, without the newline
constexpr std::size_t max_unsent = 65'536;            // bytes that wait until a user reads

// Who is there. One thread runs all tasks, so the table needs no lock; but what walks through it
// must neither wait nor change it.
class Chat {
  public:
    bool has(const std::string &name) const { return users_.count(name) > 0; }
    void join(const std::string &name, const StreamWriter &writer) {
        users_.emplace(name, writer);
        writer.write("Welcome! " + std::to_string(users_.size()) + " user(s) are online!\n");
        say(name + " connected!");
    }
    // Says a line to all who are there.
    void say(const std::string &line) {
        zen::log(line);
        std::vector<std::pair<std::string, StreamWriter>> slow;
        for (const auto &[name, writer] : users_) {
            if (writer.is_closing()) continue; // its task has not seen that yet
            writer.write(line + '\n');
            if (writer.transport()->get_write_buffer_size() > max_unsent)
                slow.emplace_back(name, writer);
        }
        for (const auto &[name, writer] : slow) {
            writer.transport()->abort();
            leave(name, writer, ": does not read"); // which all hear, and others may be slow, too
        }
    }
    // Does nothing if the user has left already, whoever has the name now.
    void leave(const std::string &name, const StreamWriter &writer, const std::string &why) {
        const auto user = users_.find(name);
        if (user == users_.end() || user->second.transport() != writer.transport()) return;
        users_.erase(user);
        const std::string line = name + " has left the chat" + why;
        if (!writer.is_closing()) writer.write(line + '\n');
        say(line);
    }

  private:
    std::map<std::string, StreamWriter> users_; // by name
};

// The name in "CONNECT name", or nothing if there is none that can be told from what others say: it
// has 1 to 32 printable characters, and neither a blank nor a colon.
std::string name_in(std::string_view line) {
    constexpr std::string_view command = "CONNECT ";
    if (!line.starts_with(command)) return "";
    const std::string_view name = line.substr(command.size());
    const bool plain = std::all_of(name.begin(), name.end(),
                                   [](char c) { return c > ' ' && c <= '~' && c != ':'; });
    return plain && name.size() <= max_name ? std::string(name) : "";
}

// What a user has said, without control characters: those could drive the terminals of others.
std::string plain(std::string line) {
    std::replace_if(
        line.begin(), line.end(), [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; }, '?');
    return line;
}

// Says to all that a user is there, and what it says. Returns why that has ended: nothing, or ": "
// and the reason.
Coroutine<std::string> listen(std::shared_ptr<Chat> chat, std::string name, StreamReader reader,
                              StreamWriter writer, Limit limit) {
    try {
        chat->join(name, writer);
        while (true) {
            const auto line = co_await lines::next_line(reader, limit);
            if (!line || writer.is_closing()) co_return std::string();
            if (!line->empty()) chat->say(name + ": " + plain(*line));
        }
    } catch (const asyncio::TimeoutError &) {
        co_return std::string(": idle");
    } catch (const std::exception &error) {
        co_return ": " + std::string(error.what());
    }
}

Coroutine<void> converse(std::shared_ptr<Chat> chat, StreamReader reader, StreamWriter writer,
                         Limit limit) {
    const auto first = co_await lines::next_line(reader, limit);
    const std::string name = name_in(first.value_or(""));
    if (name.empty()) {
        writer.write(
            "Say CONNECT and a name first: up to 32 printable characters, no blank or colon\n");
    } else if (chat->has(name)) {
        writer.write("The name " + name + " is in use\n");
    } else {
        const std::string why = co_await listen(chat, name, reader, writer, limit); // joins at once
        chat->leave(name, writer, why);
    }
    co_await lines::hang_up(reader, writer, limit);
}

// Serves one client. Whatever goes wrong with it ends here, and the server goes on.
Coroutine<void> serve_client(std::shared_ptr<Chat> chat, StreamReader reader, StreamWriter writer,
                             Limit limit) {
    const std::string peer = writer.get_extra_info("peername");
    zen::log("Connected by ", peer);
    try {
        co_await converse(chat, reader, writer, limit);
    } catch (const std::exception &error) {
        zen::log("Error with ", peer, ": ", error.what());
        writer.transport()->abort(); // without sending what is left
    }
    zen::log("Connection with ", peer, " closed");
}

Coroutine<void> serve_forever(zen::Options options) {
    const auto chat = std::make_shared<Chat>();
    const auto serve = [chat, limit = limit_of(options)](auto reader, auto writer) {
        return serve_client(chat, reader, writer, limit);
    };
    const auto server = co_await asyncio::start_server(serve, options.host, options.port, max_line);
    auto serving = server->serve_forever();
    zen::say("TCP server started at ", server->sockname());
    co_await serving;
}

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv, program);
    try {
        asyncio::run(serve_forever(options));
    } catch (const asyncio::KeyboardInterrupt &) {
        zen::log("Server stopped");
    } catch (const std::exception &error) {
        return zen::report(program, error.what());
    }
}
