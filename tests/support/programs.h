// The programs of the kit as the tests see them. A row in the table brings a program the behaviours
// of its kind, and a place in the demo.
#ifndef ZEN_TESTS_PROGRAMS_H
#define ZEN_TESTS_PROGRAMS_H

#include <array>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace test {

/// Those of framing/ are TCP servers and clients with a protocol of their own; the echo clients ask
/// no questions, but send one message.
enum class Kind {
    tcp_server,
    udp_server,
    framing_server,
    tcp_client,
    udp_client,
    framing_client,
    tcp_echo_client,
    udp_echo_client,
    line_server, // these three are in the second table
    line_client,
    with_words // has a command line of its own: see asyncio/arguments.h
};

struct Program {
    std::string_view name; // "sszt -f"
    std::string_view tag;  // "[sszt]": the exercise
    std::string_view path; // "sszt/sszt", in the directory of the kit
    Kind kind;
    std::string_view letters;        // the options it has, besides -h
    std::string_view option = {};    // one that is always given: "-f"
    std::string_view port = "65432"; // if the command line gives none

    constexpr bool has(char letter) const { return letters.find(letter) != letters.npos; }
    std::string file() const { return std::string(path.substr(path.find('/') + 1)); }
};

inline constexpr std::array programs = {
    Program{"zens", "[zens]", "zens/zens", Kind::tcp_server, "qt"},
    Program{"mzts", "[mzts]", "mzts/mzts", Kind::tcp_server, "qtw"},
    Program{"sszt", "[sszt]", "sszt/sszt", Kind::tcp_server, "qtf"},
    Program{"sszt -f", "[sszt][fork]", "sszt/sszt", Kind::tcp_server, "qtf", "-f"},
    Program{"tas", "[tas]", "tas/tas", Kind::tcp_server, "qe"},
    Program{"tap", "[tap]", "tap/tap", Kind::tcp_server, "qe"},
    Program{"tae", "[tae]", "tae/tae", Kind::tcp_server, "qe"},
    Program{"zus", "[zus]", "zus/zus", Kind::udp_server, "q"},
    Program{"mzus", "[mzus]", "mzus/mzus", Kind::udp_server, "qw"},
    Program{"sszu", "[sszu]", "sszu/sszu", Kind::udp_server, "qf"},
    Program{"sszu -f", "[sszu][fork]", "sszu/sszu", Kind::udp_server, "qf", "-f"},
    Program{"uas", "[uas]", "uas/uas", Kind::udp_server, "qe"},
    Program{"uap", "[uap]", "uap/uap", Kind::udp_server, "qe"},
    Program{"uae", "[uae]", "uae/uae", Kind::udp_server, "qe"},
    Program{"tacb", "[asyncio][tacb]", "asyncio/tacb", Kind::tcp_server, "qe"},
    Program{"asynpro", "[asyncio][asynpro]", "asyncio/asynpro", Kind::tcp_server, "qe"},
    Program{"tacr", "[asyncio][tacr]", "asyncio/tacr", Kind::tcp_server, "qte"},
    Program{"tacs", "[asyncio][tacs]", "asyncio/tacs", Kind::tcp_server, "qte"},
    Program{"uacb", "[asyncio][uacb]", "asyncio/uacb", Kind::udp_server, "qe"},
    Program{"asyndg", "[asyncio][asyndg]", "asyncio/asyndg", Kind::udp_server, "qe"},
    Program{"abs", "[framing][abs]", "framing/abs", Kind::framing_server, "q", "", "8888"},
    Program{"ads", "[framing][ads]", "framing/ads", Kind::framing_server, "q", "", "8889"},
    Program{"afs", "[framing][afs]", "framing/afs", Kind::framing_server, "q", "", "8890"},
    Program{"zenc", "[zenc]", "zenc/zenc", Kind::tcp_client, "t"},
    Program{"zuc", "[zuc]", "zuc/zuc", Kind::udp_client, "t"},
    Program{"tacbc", "[asyncio][tacbc]", "asyncio/tacbc", Kind::tcp_echo_client, "tm"},
    Program{"uacbc", "[asyncio][uacbc]", "asyncio/uacbc", Kind::udp_echo_client, "tm"},
    Program{"abc", "[framing][abc]", "framing/abc", Kind::framing_client, "tm", "", "8888"},
    Program{"adc", "[framing][adc]", "framing/adc", Kind::framing_client, "tm", "", "8889"},
    Program{"afc", "[framing][afc]", "framing/afc", Kind::framing_client, "tm", "", "8890"},
};

/// Those that are neither measured nor in the demo: each has a protocol of its own. Those of lines have
/// some behaviours in common; the others have checks of their own alone.
inline constexpr std::array own_programs = {
    Program{"tacn", "[asyncio][tacn]", "asyncio/tacn", Kind::line_server, "qt", "", "12345"},
    Program{"chats", "[asyncio][chats]", "asyncio/chats", Kind::line_server, "qt", "", "8000"},
    Program{"game", "[asyncio][game]", "asyncio/game", Kind::line_server, "qt"},
    Program{"gamec", "[asyncio][gamec]", "asyncio/gamec", Kind::line_server, "qt"},
    Program{"tacnc", "[asyncio][tacnc]", "asyncio/tacnc", Kind::line_client, "tm", "", "12345"},
    Program{"tacl", "[asyncio][tacl]", "asyncio/tacl", Kind::with_words, "aqt", "", "12345"},
    Program{"chatc", "[asyncio][chatc]", "asyncio/chatc", Kind::with_words, "t", "", "8000"},
    Program{"hget", "[asyncio][hget]", "asyncio/hget", Kind::with_words, "st", "", "80"},
    Program{"words", "[asyncio][words]", "asyncio/words", Kind::with_words, "j"},
};

/// The rows of both tables: all programs that are graded.
std::vector<Program> graded_programs();

/// The row of that name, in either table; throws if there is none.
const Program &named(std::string_view name);

/// The client of a server, and the first of the servers of a client.
const Program &client_of(const Program &server);
const Program &server_of(const Program &client);

/// The directory of the kit under test: ZEN_KIT, or the current one.
std::string kit_directory();

/// The command that starts a program: its path, its own option, then `arguments`; `prefix` before
/// it is another command, which starts that.
std::vector<std::string> command(const Program &program,
                                 std::initializer_list<std::string> arguments,
                                 std::vector<std::string> prefix = {});

} // namespace test

#endif
