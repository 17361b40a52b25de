// soak_chat: 200 members of a chat for some time, 20 of them hostile. Whatever those do, each
// polite member hears all that is said, in one order, and chats keeps no memory and no descriptor.
//
//     soak_chat [SECONDS [SEED]]      (make soak SERVER=chats TIME=600 SEED=1)
//
// The hostile never read, reset, shout, send half lines and lines without end, or say nothing.
// Polite members say numbered lines, and now and then one leaves and comes again under a new name.
// The seed decides who does what, and in which order; exit status 1: the line says what was wrong.
#include "support/procfs.h"
#include "support/servers.h"

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>

#include <poll.h>

using namespace test;
using Clock = std::chrono::steady_clock;

namespace {

void require(bool condition, const std::string &what) {
    if (!condition) throw std::runtime_error(what);
}

// What all have heard, in the order of the chat, as far as anybody has: who hears it first adds to
// it, and all others must hear the same. What everybody has heard is forgotten.
class Heard {
  public:
    // Whether the line at that place is this one.
    bool is(std::size_t place, const std::string &line) {
        if (place == end()) lines_.push_back(line);
        return lines_[place - begin_] == line;
    }
    // Where a line stands that is there once, as that somebody has come. end(): nowhere yet.
    std::size_t find(const std::string &line) const {
        for (std::size_t i = lines_.size(); i > 0; --i)
            if (lines_[i - 1] == line) return begin_ + i - 1;
        return end();
    }
    std::size_t end() const { return begin_ + lines_.size(); }
    void forget_until(std::size_t place) {
        for (; begin_ < place; ++begin_) lines_.pop_front();
    }

  private:
    std::deque<std::string> lines_;
    std::size_t begin_ = 0;
};

// A member that reads all, at once.
class Member {
  public:
    Member(const Endpoint &server, std::string name) : connection_(server), name_(std::move(name)) {
        require(connection_.send("CONNECT " + name_ + "\n"), "it does not read");
    }
    int descriptor() const { return connection_.get(); }
    const std::string &name() const { return name_; }
    Connection &connection() { return connection_; }
    bool has_come() const { return welcome_; } // and has been welcomed
    bool knows_place() const { return placed_; }
    std::size_t place() const { return place_; }
    long lines() const { return lines_; }

    void say(long number) {
        const std::string line = std::to_string(number) + "\n";
        require(connection_.send(line), name_ + " cannot speak");
    }
    // Takes what has come. False at the end of the connection.
    bool hear() {
        char buffer[65'536];
        const ssize_t size = recv(connection_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
        if (size < 0 && errno == EAGAIN) return true;
        if (size <= 0) return false;
        text_.append(buffer, std::size_t(size));
        return true;
    }
    // Compares the whole lines with what others have heard.
    void compare(Heard &heard) {
        std::size_t begin = 0;
        for (std::size_t end; (end = text_.find('\n', begin)) != text_.npos; begin = end + 1) {
            const std::string line = text_.substr(begin, end - begin);
            if (!welcome_) {
                require(line.starts_with("Welcome! "), name_ + " is not welcome: " + line);
                welcome_ = true;
                continue;
            }
            if (!placed_) { // the first line that all hear: others may not have heard it yet
                require(line == name_ + " connected!", name_ + " comes, but hears: " + line);
                place_ = heard.find(line);
                if (place_ == heard.end() && !alone) break;
                placed_ = true;
            }
            require(heard.is(place_, line), name_ + " hears something else than others: " + line);
            ++place_;
            ++lines_;
        }
        text_.erase(0, begin);
    }
    bool alone = false; // the first one: nobody else has heard it come

  private:
    Connection connection_;
    std::string name_, text_;
    bool welcome_ = false, placed_ = false;
    std::size_t place_ = 0; // of the next line
    long lines_ = 0;
};

class ChatSoak {
  public:
    explicit ChatSoak(unsigned seed) : server_(named("chats"), {"-q", "-t", "20"}), random_(seed) {}

    void run(std::chrono::seconds duration) {
        const auto start = Clock::now();
        come_in();
        while (Clock::now() - start < duration / 4) turn();
        const long before = resident_memory(server_.pid());
        const std::size_t descriptors = descriptor_count(server_.pid());
        long most = before;
        for (auto look = Clock::now(); Clock::now() - start < duration;) {
            turn();
            if (Clock::now() < look) continue;
            most = std::max(most, resident_memory(server_.pid()));
            look += std::chrono::seconds(1);
        }
        hostile_.clear();
        hear_all_that_is_said();
        const long after = resident_memory(server_.pid());
        std::printf(
            "chats: %ld lines said by polite members, %ld lines heard, %ld came again; "
            "hostile: %ld came, %ld were dropped; memory %ld KiB, at most %ld KiB, %ld KiB; "
            "descriptors %zu, %zu\n",
            said_, heard_lines_, came_again_, hostile_came_, dropped_, before, most, after,
            descriptors, descriptor_count(server_.pid()));
        require(descriptor_count(server_.pid()) <= descriptors, "it keeps descriptors");
        if (!sanitized)
            require(std::max(most, after) <= before + std::max(before / 4, 4096L),
                    "it keeps memory");
        server_.signal(SIGTERM);
        require(server_.wait_exit(Milliseconds(2'000)) == 0, "it does not stop");
    }
    Server &server() { return server_; }

  private:
    static constexpr std::size_t polite_members = 180, hostile_members = 20;
    struct Polite : Member {
        using Member::Member;
        Clock::time_point next = {}; // when it speaks again
    };
    // What a hostile member does; it lasts until it is dropped, or has had enough.
    struct Hostile {
        Connection connection;
        int kind;
        int steps = 0;
    };

    std::size_t upto(std::size_t n) {
        return std::uniform_int_distribution<std::size_t>(0, n)(random_);
    }

    void come_in() {
        for (std::size_t i = 0; i < polite_members; ++i) {
            polite_.push_back(a_polite_one());
            polite_.back()->alone = i == 0;
            if (i == 0) wait_until_placed(*polite_.back());
        }
    }
    std::unique_ptr<Polite> a_polite_one() {
        auto member = std::make_unique<Polite>(server_.address(), "p" + std::to_string(++names_));
        member->next = Clock::now() + Milliseconds(upto(2'000));
        return member;
    }
    void wait_until_placed(Member &member) {
        const auto end = Clock::now() + patience;
        while (!member.knows_place()) {
            require(Clock::now() < end, member.name() + " is not welcomed");
            listen(Milliseconds(10));
        }
    }

    // Takes what has come to the polite ones, and compares.
    void listen(Milliseconds limit) {
        std::vector<pollfd> sources;
        for (const auto &member : polite_) sources.push_back({member->descriptor(), POLLIN, 0});
        poll(sources.data(), sources.size(), int(limit.count()));
        for (std::size_t i = 0; i < sources.size(); ++i)
            if (sources[i].revents)
                require(polite_[i]->hear(), polite_[i]->name() + " has been dropped");
        std::size_t least = heard_.end();
        for (const auto &member : polite_) {
            const long before = member->lines();
            member->compare(heard_);
            heard_lines_ += member->lines() - before;
            least = std::min(least, member->knows_place() ? member->place() : least);
        }
        // Who has come and not found its place yet will find it among what comes now.
        bool all = true;
        for (const auto &member : polite_) all = all && member->knows_place();
        if (all) heard_.forget_until(least);
    }

    void turn() {
        listen(Milliseconds(5));
        const auto now = Clock::now();
        for (auto &member : polite_) {
            if (!member->has_come() || now < member->next) continue;
            member->say(++said_);
            member->next = now + Milliseconds(500 + upto(3'000));
        }
        if (upto(50) == 0) come_again();
        for (auto &each : hostile_) be_hostile(each);
        const auto gone = [&](Hostile &each) { return has_gone(each); };
        hostile_.remove_if(gone);
        while (hostile_.size() < hostile_members) hostile_.push_back(a_hostile_one());
        require(!server_.wait_exit(Milliseconds(0), false), "it has ended");
    }
    // One leaves when it has heard all that others have, and comes again under a new name.
    void come_again() {
        const std::size_t which = 1 + upto(polite_members - 2);
        if (!polite_[which]->knows_place()) return;
        polite_[which] = a_polite_one();
        ++came_again_;
    }

    // ---- The hostile
    enum Kind { never_reads, resets, shouts, half_lines, endless_line, silent, no_name, kinds };
    Hostile a_hostile_one() {
        const int kind = int(upto(kinds - 1));
        Hostile hostile = {Connection(server_.address(), kind == never_reads ? 4096 : 0), kind};
        const std::string name = "h" + std::to_string(++names_) + "\n";
        hostile.connection.send((kind == no_name ? "HELLO " : "CONNECT ") + name, Milliseconds(0));
        ++hostile_came_;
        return hostile;
    }
    void be_hostile(Hostile &each) {
        ++each.steps;
        const auto send = [&](const std::string &bytes) {
            each.connection.send(bytes, Milliseconds(0));
        };
        switch (each.kind) {
        case never_reads: return;
        case resets:
            if (each.steps == 5) send("I say this\nand this is cut");
            return;
        case shouts:
            if (upto(20) == 0) send(repeat(std::string(200 + upto(700), 'A') + "\n", 10));
            return;
        case half_lines:
            if (upto(10) == 0) send("half a line, \x1b[2J\xff and ");
            return;
        case endless_line: send(std::string(500, 'x')); return;
        default: return;
        }
    }
    // Reads what has come, unless it never does. True if it has ended, or has enough.
    bool has_gone(Hostile &each) {
        if (each.kind == resets && each.steps > 10 && upto(10) == 0) {
            each.connection.reset();
            return true;
        }
        if ((each.kind == half_lines || each.kind == shouts) && each.steps > 500) return true;
        pollfd source = {each.connection.get(), short(each.kind == never_reads ? 0 : POLLIN), 0};
        if (poll(&source, 1, 0) == 0) return false; // with 0, only that it has been reset is told
        char buffer[65'536];
        if (recv(each.connection.get(), buffer, sizeof buffer, MSG_DONTWAIT) > 0 &&
            each.kind != never_reads)
            return false;
        ++dropped_;
        return true;
    }

    // At the end: the last lines come to everybody.
    void hear_all_that_is_said() {
        for (auto &member : polite_) wait_until_placed(*member);
        for (auto &member : polite_) member->say(++said_);
        const auto end = Clock::now() + 3 * patience;
        const std::string last = polite_.back()->name() + ": " + std::to_string(said_);
        const auto same = [&] {
            for (const auto &member : polite_)
                if (member->place() != heard_.end()) return false;
            return heard_.find(last) != heard_.end();
        };
        for (bool complete = false; !complete;) {
            require(Clock::now() < end, "some have not heard the last lines");
            listen_without_forgetting();
            complete = same();
        }
    }
    void listen_without_forgetting() {
        for (auto &member : polite_) {
            require(member->hear(), member->name() + " has been dropped");
            const long before = member->lines();
            member->compare(heard_);
            heard_lines_ += member->lines() - before;
        }
    }

    Server server_;
    std::mt19937 random_;
    Heard heard_;
    std::vector<std::unique_ptr<Polite>> polite_;
    std::list<Hostile> hostile_;
    long names_ = 0, said_ = 0, heard_lines_ = 0, came_again_ = 0, hostile_came_ = 0, dropped_ = 0;
};

} // namespace

int main(int argc, char *argv[]) {
    const long seconds = argc > 1 ? std::atol(argv[1]) : 60;
    const unsigned seed = argc > 2 ? unsigned(std::atol(argv[2])) : std::random_device()();
    if (argc > 3 || seconds < 1) {
        std::fprintf(stderr, "usage: soak_chat [SECONDS [SEED]]\n");
        return 2;
    }
    try {
        std::printf("chats: %ld seconds, seed %u\n", seconds, seed);
        std::fflush(stdout);
        ChatSoak soak(seed);
        try {
            soak.run(std::chrono::seconds(seconds));
        } catch (const std::exception &error) {
            std::printf("FAILED: %s (seed %u)\n%s\n", error.what(), seed,
                        soak.server().description().c_str());
            return 1;
        }
        return 0;
    } catch (const std::exception &error) {
        std::fprintf(stderr, "soak_chat: %s\n", error.what());
        return 1;
    }
}
