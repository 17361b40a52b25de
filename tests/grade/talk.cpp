// The clients that a check is written with: Talk and Ask of check.h.
#include "check.h"

#include "place.h"
#include "story.h"

#include <algorithm>
#include <cctype>

#include <poll.h>

namespace grade {

std::string question(std::size_t number) { return std::string(test::zen[number].first); }
std::string letter(std::size_t number) {
    return std::string(test::zen[number].second.substr(0, 1));
}

std::string answers_in(std::string_view bytes) {
    std::string lower(bytes), letters;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    for (std::size_t i = 0; i < lower.size(); ++i)
        for (const char *word : {"ugly", "implicit", "complex"})
            if (lower.compare(i, std::string_view(word).size(), word) == 0)
                letters += static_cast<char>(std::toupper(word[0]));
    return letters;
}

// "UI": how the answers look that these letters stand for.
static std::string answers_of(const std::string &letters) {
    std::string bytes;
    for (const char c : letters)
        for (const auto &[asked, answer] : test::zen)
            if (answer[0] == c) bytes += answer;
    return bytes;
}

// A check may wait often, and each time not too long: before the grader ends it for that, it says
// where.
// Nobody ends it in tests/run, on a machine that may be very busy.
static void require_time() {
    const std::chrono::seconds most(place.sandbox ? 40 : 300);
    if (std::chrono::steady_clock::now() - story.begin > most)
        fail("after " + std::to_string(most.count()) +
             " seconds the check has not come to its end: the server is far too slow");
}

// With a small receive buffer goes a small segment: the system sizes the server's send buffer by it,
// so that a client that does not read is soon felt.
static test::Connection connect(const Endpoint &server, int receive_buffer) {
    require_time();
    try {
        return test::Connection(server, receive_buffer, receive_buffer > 0 ? 536 : 0);
    } catch (const std::exception &error) {
        fail(error.what());
    }
}

Talk::Talk(const Server &server, int receive_buffer)
    : connection_(connect(server.address(), receive_buffer)) {
    story.talked = true;
}

// What nc says that begins like this.
static std::string nc(const std::string &beginning) {
    return beginning + " 127.0.0.1 " + std::string(story.program->port);
}

// The recipe shows what that client does with which the check fails: the last one that has sent, if
// it does not fail with another.
void Talk::tell_story() {
    story.sent = test::shown(sent_);
    if (story.has_recipe) return;
    story.second_terminal = sent_.empty() ? nc("nc -d") : command_;
}

void Talk::note_sent(std::string_view piece, bool in_pieces) {
    const bool is_first = sent_.empty();
    sent_ += piece;
    const std::string end = nc("; sleep 2) | nc -N");
    if (sent_.size() > 400) command_.clear();
    else if (is_first || !command_.empty()) {
        if (is_first) command_ = "(";
        else command_.replace(command_.rfind("; sleep 2)"), command_.npos, "; sleep 1; ");
        if (in_pieces && piece.size() > 1)
            command_ += printf_command(piece.substr(0, piece.size() / 2)) + "; sleep 1; " +
                        printf_command(piece.substr(piece.size() / 2));
        else command_ += printf_command(piece);
        command_ += end;
    }
    tell_story();
}

void Talk::send(std::string_view bytes) {
    note_sent(bytes, false);
    connection_.send(bytes);
}

void Talk::send_in_pieces(std::string_view bytes, std::size_t size) {
    note_sent(bytes, true);
    for (; !bytes.empty(); bytes.remove_prefix(std::min(size, bytes.size()))) {
        connection_.send(bytes.substr(0, size));
        if (!test::wait_until_read(connection_)) fail_with("the server reads no more", "");
    }
}

std::size_t Talk::send_without_reading(std::string_view bytes) {
    std::size_t taken = 0;
    pollfd writable = {connection_.get(), POLLOUT, 0};
    while (taken < bytes.size() && poll(&writable, 1, 1000) > 0) {
        const ssize_t count =
            ::send(connection_.get(), bytes.data() + taken, bytes.size() - taken, MSG_NOSIGNAL);
        if (count < 0 && errno != EAGAIN && errno != EINTR) break;
        if (count > 0) taken += static_cast<std::size_t>(count);
    }
    note_sent(bytes.substr(0, taken), false);
    test::wait_until_read_or_stuck(connection_); // the system may have taken more than the server
    return taken;
}

std::string Talk::converse_late(std::string_view bytes) {
    const std::size_t taken = send_without_reading(bytes);
    note_sent(bytes.substr(taken), false);
    return connection_.exchange(bytes.substr(taken), 3 * patience);
}

void Talk::finish() { connection_.shut_down_sending(); }

void Talk::fail_with(const std::string &what, std::string_view expected, const std::string &then) {
    tell_story();
    fail(what, test::shown(expected) + then,
         test::shown(received_) + (connection_.was_reset() ? ", then the connection was reset"
                                   : connection_.ended()   ? ", then the end of file"
                                                           : ""));
}

void Talk::receive_until(const std::function<bool()> &enough, Milliseconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (!enough() && !connection_.ended() && !connection_.was_reset()) {
        const auto left =
            std::chrono::ceil<Milliseconds>(deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) break;
        received_ += connection_.receive(1, left); // what comes first,
        received_ +=
            connection_.receive(std::size_t{1} << 20, Milliseconds(0)); // and all that is there
    }
}

bool Talk::gets(const std::string &letters, Milliseconds limit) {
    require_time();
    answers_ += letters;
    receive_until([&] { return answers_in(received_).size() >= answers_.size(); }, limit);
    return answers_in(received_) == answers_;
}

void Talk::expect(const std::string &letters, const std::string &otherwise) {
    if (!gets(letters, patience)) fail_with(otherwise, answers_of(answers_));
}

void Talk::expect_any() {
    receive_until([&] { return !received_.empty(); }, patience);
    if (received_.empty()) fail_with("no answer came", test::zen[0].second);
}

bool Talk::ends(Milliseconds limit) {
    receive_until([] { return false; }, limit);
    return connection_.ended() || connection_.was_reset();
}

void Talk::expect_bytes(std::string_view bytes, const std::string &otherwise) {
    receive_until([&] { return received_.size() >= bytes.size(); }, patience);
    receive_until([] { return false; }, Milliseconds(50)); // nothing may follow
    if (received_ != bytes) fail_with(otherwise, bytes);
}

void Talk::expect_texts(const std::vector<std::string> &texts, const std::string &otherwise) {
    require_time();
    std::size_t next = 0, end = 0; // what has been found, and where it ended
    const auto all_found = [&] {
        for (; next < texts.size(); ++next) {
            const std::size_t begin = received_.find(texts[next], end);
            if (begin == received_.npos) return false;
            end = begin + texts[next].size();
        }
        return true;
    };
    receive_until(all_found, patience);
    if (!all_found()) fail_with(otherwise, texts[next]);
}

bool Talk::take_line(std::string &line, Milliseconds limit) {
    require_time();
    receive_until([&] { return received_.find('\n', taken_) != received_.npos; }, limit);
    const std::size_t end = received_.find('\n', taken_);
    if (end == received_.npos) return false;
    line = received_.substr(taken_, end - taken_);
    taken_ = end + 1;
    return true;
}

std::string Talk::line(const std::string &otherwise) {
    std::string line;
    if (!take_line(line, patience)) fail_with(otherwise, received_, ", and one more line");
    return line;
}

void Talk::expect_line(const std::string &expected, const std::string &otherwise) {
    std::string line;
    const bool came = take_line(line, patience);
    if (came && line == expected) return;
    tell_story();
    fail(came ? otherwise : "a line is missing", test::shown(expected),
         came ? test::shown(line) : test::shown(received_.substr(taken_)));
}

void Talk::expect_end(const std::string &otherwise) {
    if (!ends(patience)) fail_with(otherwise, answers_of(answers_), ", then the end of file");
}

void Talk::expect_nothing_but_end() {
    if (!ends(patience) || answers_in(received_) != answers_ ||
        (answers_.empty() && !received_.empty()))
        fail_with("an answer came, or the connection is still open", answers_of(answers_),
                  ", then the end of file");
}

std::vector<std::string> few_workers(const Program &program) {
    return program.has('w') ? std::vector<std::string>{"-w", "2"} : std::vector<std::string>{};
}

std::vector<std::string> patient(const Program &program, std::vector<std::string> options) {
    const std::vector<std::string> a_day = {"-t", "86400"};
    if (!program.has('t')) return options;
    Student asked(program, {a_day[0], a_day[1], "-h"});
    if (asked.wait_exit(Milliseconds(3000)) == 0)
        options.insert(options.end(), a_day.begin(), a_day.end());
    return options;
}

Ask::Ask(const Server &server) : server_(server.address()), socket_(server.address().host) {
    story.talked = true;
}

void Ask::send(std::string_view datagram) {
    sent_ = datagram;
    story.sent = test::shown(datagram);
    if (!story.has_recipe)
        story.second_terminal =
            datagram.size() > 400 ? "" : printf_command(datagram) + nc(" | nc -u -w 2");
    socket_.send_to(server_, datagram);
}

test::Datagrams::Datagram Ask::receive(Milliseconds limit) { return socket_.receive(limit); }

void Ask::expect(const std::string &letter) {
    const auto datagram = socket_.receive();
    if (!datagram.arrived) fail("no answer came", test::shown(answers_of(letter)), "nothing");
    if (answers_in(datagram.bytes) != letter)
        fail("another answer came", test::shown(answers_of(letter)), test::shown(datagram.bytes));
}

void Ask::expect_bytes(std::string_view bytes) {
    const auto datagram = socket_.receive();
    if (!datagram.arrived) fail("no answer came", test::shown(bytes), "nothing");
    if (datagram.bytes != bytes)
        fail("other bytes came", test::shown(bytes), test::shown(datagram.bytes));
}

} // namespace grade
