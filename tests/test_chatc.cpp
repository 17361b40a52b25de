// The chat client, chatc: at a terminal, what others say and the line being typed are shown as a
// person sees them; a file works, too; and the terminal is as it was, whatever happens. What it does
// with a pipe is in grade/checks_chatc.cpp.
#include "support/kit.h"
#include "support/lines.h"
#include "support/procfs.h"
#include "support/redirected.h"

#include <fstream>

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

using namespace test;

namespace {

const Program &chats = named("chats"), &chatc = named("chatc");
const std::string welcome = "Welcome! 1 user(s) are online!\n", clear_line = "\r\x1b[K";

std::string port_of(const Endpoint &address) { return std::to_string(address.port); }

// A server that the test plays, and its client, which has been welcomed.
class Played {
  public:
    // What the server receives and sends after the welcome.
    Connection accept() {
        Connection server = listener_.accept();
        const std::string hello = "CONNECT ada\n";
        CHECK(server.receive(hello.size()) == hello);
        CHECK(server.send(welcome));
        return server;
    }
    Endpoint address() const { return listener_.local(); }

  private:
    Listener listener_;
};

// chatc at a terminal.
class AtTerminal {
  public:
    explicit AtTerminal(unsigned short columns = 80) {
        winsize size = {};
        size.ws_col = columns;
        size.ws_row = 24;
        ioctl(terminal_.end(), TIOCSWINSZ, &size);
        tcgetattr(terminal_.end(), &before_);
        client_.emplace(
            chatc,
            std::initializer_list<std::string>{"ada", "127.0.0.1", port_of(played_.address())},
            "<" + terminal_.path() + " >" + terminal_.path());
        server_.emplace(played_.accept());
        CHECK(shows(welcome));
    }
    // Waits until the screen has shown that, behind what it was asked for before.
    bool shows(const std::string &text) {
        const auto found = [&] {
            read_screen();
            const auto at = screen_.find(text, seen_);
            if (at != screen_.npos) seen_ = at + text.size();
            return at != screen_.npos;
        };
        const bool shown = eventually(found);
        if (!shown) UNSCOPED_INFO("the screen: " << test::shown(screen_.substr(seen_)));
        return shown;
    }
    void type(const std::string &keys) {
        CHECK(write(terminal_.end(), keys.data(), keys.size()) == ssize_t(keys.size()));
    }
    // Whether the terminal is as it was before; whether each key comes at once.
    bool is_restored() const {
        const termios now = mode();
        return now.c_lflag == before_.c_lflag && now.c_iflag == before_.c_iflag &&
               now.c_oflag == before_.c_oflag;
    }
    bool gives_keys() const { return (mode().c_lflag & tcflag_t(ICANON | ECHO)) == 0; }
    Connection &server() { return *server_; }
    Redirected &client() { return *client_; }

  private:
    void read_screen() {
        pollfd screen = {terminal_.end(), POLLIN, 0};
        char buffer[4096];
        while (poll(&screen, 1, 0) > 0 && (screen.revents & POLLIN)) {
            const ssize_t size = read(terminal_.end(), buffer, sizeof buffer);
            if (size <= 0) return;
            screen_.append(buffer, std::size_t(size));
            std::erase(screen_, '\0');
            for (auto at = screen_.find("\r\n"); at != screen_.npos; at = screen_.find("\r\n", at))
                screen_.erase(at, 1); // what the terminal makes of "\n"
        }
    }
    termios mode() const {
        termios now = {};
        tcgetattr(terminal_.end(), &now);
        return now;
    }
    PseudoTerminal terminal_;
    termios before_ = {};
    Played played_;
    std::optional<Redirected> client_;
    std::optional<Connection> server_;
    std::string screen_;
    std::size_t seen_ = 0;
};

} // namespace

// ---- At a terminal

TEST_CASE("chatc: draws the line being typed again below what others say",
          "[asyncio][chatc][terminal]") {
    AtTerminal ada;
    CHECK(ada.gives_keys());
    ada.type("Hel");
    CHECK(ada.shows("Hel"));
    ada.server().send("bob: How are you?\n");
    CHECK(ada.shows(clear_line + "bob: How are you?\nHel"));
    ada.type("lo!\r");
    CHECK(ada.server().receive(7) == "Hello!\n");
    CHECK(ada.shows(clear_line)); // the server says it again, to all
    ada.server().send("ada: Hello!\n");
    CHECK(ada.shows(clear_line + "ada: Hello!\n"));
    ada.type("\x04");
    CHECK(ada.server().receive_all().empty());
    ada.server().send("ada has left the chat\n");
    ada.server().close();
    CHECK(ada.shows("ada has left the chat\n"));
    check_exit(ada.client(), 0);
    CHECK(ada.is_restored());
}

TEST_CASE("chatc: takes back what is typed, and ignores keys that are no letters",
          "[asyncio][chatc][terminal]") {
    AtTerminal ada;
    ada.type("never\x15\x7fHa\x7f\x7f\x7f\x7fHel\x1b[A\x1b[3~lo\x01\x04\r");
    CHECK(ada.server().receive(6) == "Hello\n");
    ada.type("\r" + std::string(1030, 'x') + "\r"); // no more than a line may have
    CHECK(ada.server().receive(1 + 1025) == "\n" + std::string(1024, 'x') + "\n");
}

TEST_CASE("chatc: of a line longer than a row, it draws the end", "[asyncio][chatc][terminal]") {
    AtTerminal ada(20);
    ada.type("0123456789abcdefghijklmn");
    CHECK(ada.shows(clear_line + "56789abcdefghijklmn"));
    ada.server().send("bob: x\n");
    CHECK(ada.shows(clear_line + "bob: x\n56789abcdefghijklmn"));
}

TEST_CASE("chatc: nothing that is said or typed drives the terminal",
          "[asyncio][chatc][terminal][hostile][faults][row 22]") {
    AtTerminal ada;
    ada.server().send("bob: \x1b[2J\xff\n");
    CHECK(ada.shows(clear_line + "bob: \\x1b[2J\\xff\n"));
    ada.type("\xc3\xa9");
    CHECK(ada.shows(clear_line + "\\xc3\\xa9"));
}

TEST_CASE("chatc: restores the terminal, however it ends", "[asyncio][chatc][terminal][stop]") {
    rlimit core = {};
    getrlimit(RLIMIT_CORE, &core);
    core.rlim_cur = 0; // SIGQUIT is to leave no file
    setrlimit(RLIMIT_CORE, &core);
    for (const std::string key : {"\x03", "\x1c"}) { // Ctrl-C, Ctrl-backslash
        AtTerminal ada;
        ada.type("Hel" + key);
        const auto status = ada.client().wait_exit(stop_limit);
        CHECK_PROGRAM(ada.client(), status.has_value());
        if (key == "\x03") CHECK_PROGRAM(ada.client(), WEXITSTATUS(*status) == 130);
        else CHECK_PROGRAM(ada.client(), WTERMSIG(*status) == SIGQUIT);
        CHECK(ada.is_restored());
    }
    for (const int signal : {SIGTERM, SIGHUP}) {
        AtTerminal ada;
        ada.client().signal(signal);
        CHECK_PROGRAM(ada.client(), ada.client().wait_exit(stop_limit).has_value());
        CHECK(ada.is_restored());
    }
    for (const bool reset : {false, true}) {
        AtTerminal ada;
        ada.type("Hel");
        CHECK(ada.shows("Hel"));
        reset ? ada.server().reset() : ada.server().close();
        check_exit(ada.client(), 1);
        CHECK(ada.is_restored());
        CHECK_PROGRAM(ada.client(), lines_of(ada.client().standard_error()).size() == 1);
    }
}

TEST_CASE("chatc: ends within a second also when its terminal takes no more",
          "[asyncio][chatc][terminal][stop]") {
    AtTerminal ada;
    ada.server().send(repeat("bob: nobody reads this\n", 20'000), Milliseconds(1'000));
    ada.client().signal(SIGTERM);
    CHECK_PROGRAM(ada.client(), ada.client().wait_exit(stop_limit).has_value());
    CHECK(ada.is_restored());
}

TEST_CASE("chatc: gives the terminal back while it is stopped", "[asyncio][chatc][terminal]") {
    AtTerminal ada;
    ada.type("Hel");
    CHECK(ada.shows("Hel"));
    ada.type("\x1a"); // Ctrl-Z
    CHECK(eventually([&] { return ada.is_restored(); }));
    ada.client().signal(SIGCONT);
    CHECK(eventually([&] { return ada.gives_keys(); }));
    CHECK(ada.shows(clear_line + "Hel"));
    ada.type("lo\r");
    CHECK(ada.server().receive(6) == "Hello\n");
}

// ---- Without a terminal

TEST_CASE("chatc: sends a file, and nothing of /dev/null", "[asyncio][chatc][conversation]") {
    Server server(chats);
    const Fifo name; // for a name that nobody else has
    const std::string path = name.path() + ".txt";
    std::ofstream(path) << repeat("a line\n", 20'000);
    Redirected client(chatc, {"ada", "127.0.0.1", port_of(server.address())}, "<" + path);
    check_exit(client, 0);
    std::filesystem::remove(path);
    const std::string all = client.standard_output();
    CHECK(all == welcome + "ada connected!\n" + repeat("ada: a line\n", 20'000) +
                     "ada has left the chat\n");
    Client silent(chatc, server.address(), {"ada"});
    check_succeeds(silent, welcome + "ada connected!\nada has left the chat\n");
}

TEST_CASE("chatc: says in one line what is wrong, and ends",
          "[asyncio][chatc][errors][time limit][faults][row 39]") {
    Server server(chats);
    LineClient ada(server.address());
    ada.send("CONNECT ada\n");
    CHECK(ada.wait_for("Welcome!"));
    Client second(chatc, server.address(), {"ada"});
    check_fails(second, "chatc: The name ada is in use");
    Client no_name(chatc, server.address(), {"a b"});
    check_fails(no_name, "chatc: Say CONNECT and a name first: up to 32 printable characters, "
                         "no blank or colon");
    Listener listener;
    const Endpoint address = listener.local();
    Client waiting(chatc, address, {"-t", "1", "ada"});
    {
        const Connection silent = listener.accept();
        check_fails(waiting, "chatc: no answer from " + address.name() + ": Connection timed out");
    }
    Client closed(chatc, address, {"ada"});
    {
        Connection quick = listener.accept();
        quick.receive(12);
        quick.close();
        check_fails(closed, "chatc: no answer from " + address.name() + ": connection closed");
    }
    listener.close();
    Client nobody(chatc, address, {"ada"});
    check_fails(nobody, "chatc: cannot connect to " + address.name() + ": Connection refused");
}

TEST_CASE("chatc: says that its standard output fails", "[asyncio][chatc][output][row 53]") {
    Server server(chats);
    Redirected client(chatc, {"ada", "127.0.0.1", port_of(server.address())}, ">/dev/full");
    check_exit(client, 1);
    CHECK_PROGRAM(client,
                  client.standard_error() == "chatc: cannot print: No space left on device\n");
}

TEST_CASE("chatc: says with the usage line what is wrong", "[asyncio][chatc][command line]") {
    const auto wrong = [](std::initializer_list<std::string> words, const std::string &what) {
        Process client(command(chatc, words));
        check_exit(client, 2);
        CHECK_PROGRAM(client, client.standard_error().rfind(
                                  "chatc: " + what + "\nusage: chatc [-h]", 0) == 0);
    };
    wrong({}, "too few arguments");
    wrong({"-x", "ada"}, "unknown option -x");
    wrong({"-t", "x", "ada"}, "-t must be a number from 0 to 86400, not 'x'");
    wrong({"ada", "localhost", "0"}, "PORT must be a number from 1 to 65535, not '0'");
    wrong({"ada", "localhost", "80", "-h"}, "surplus argument '-h'");
    wrong({"a\nb"}, "NAME must be one line, of at most 1024 bytes");
    Process help(command(chatc, {"-h"}));
    check_exit(help, 0);
    CHECK_PROGRAM(help,
                  help.standard_output().rfind("usage: chatc [-h] [-t SECONDS] NAME", 0) == 0);
}
