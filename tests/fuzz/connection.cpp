// A whole connection of tas, tap or tae, -DSOURCE="\"../../tas/tas.cpp\"": a client that sends,
// reads and closes by any schedule gets the answers that a simple reading of its bytes gives, and is
// let go. Input: the schedule. Small buffers make the kernel take an answer in parts.
#include "fuzz.h"

// The program, with its main function out of the way: main alone may end without a return.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wreturn-type"
#define main program_main
#include SOURCE
#undef main
#pragma GCC diagnostic pop

namespace {

// What a server answers to a stream, and whether it hangs up then.
struct Reference {
    std::string answers;
    bool refused = false;
};
Reference read_simply(std::string_view stream) {
    Reference reference;
    while (true) {
        const std::size_t begin = stream.find_first_not_of(zen::white_space);
        const std::size_t size = std::min(stream.find('?'), stream.size()) + 1;
        reference.refused = size > zen::max_message; // white space before the question counts
        if (reference.refused || size > stream.size()) return reference;
        const std::string_view answer = zen::answer_to(stream.substr(begin, size - begin));
        reference.refused = answer.empty();
        if (reference.refused) return reference;
        reference.answers += answer;
        stream.remove_prefix(size);
    }
}

class Conversation {
  public:
    Conversation() {
        int ends[2];
        fuzz::require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0, "sockets");
        const int least = 1;
        setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &least, sizeof least);
        peer_ = zen::Descriptor(ends[0]);
        descriptor_ = ends[1];
        server_.clients.emplace(descriptor_, Client{zen::Descriptor(ends[1]), "the peer"});
        server_.watcher.watch(descriptor_, true, false);
    }
    bool served() const { return server_.clients.count(descriptor_) == 1; }

    void send(std::string_view bytes) {
        const ssize_t size = ::send(peer_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (size > 0) sent_ += bytes.substr(0, static_cast<std::size_t>(size));
    }
    void read(std::size_t most) {
        char buffer[4096];
        const ssize_t size = recv(peer_.get(), buffer, std::min(most, sizeof buffer), 0);
        if (size == 0) ended_ = true;
        if (size <= 0) return;
        received_.append(buffer, static_cast<std::size_t>(size));
        const Reference reference = read_simply(sent_);
        fuzz::require(reference.answers.compare(0, received_.size(), received_) == 0,
                      "the answers are right, and in order");
    }
    void step() {
        server_.watcher.wait(
            0, [&](int descriptor, bool readable) { server_.serve_client(descriptor, readable); });
        fuzz::require(server_.refused.size() <= server_.clients.size(), "the refused are clients");
        if (served())
            fuzz::require(server_.clients.at(descriptor_).unsent.size() <= unsent_limit + 4096,
                          "few answers wait");
    }
    void shut_down() { shutdown(peer_.get(), SHUT_WR); }

    // The peer sends no more, and reads all.
    void finish() {
        shut_down();
        for (int i = 0; i < 1'000'000 && !(ended_ && !served()); ++i) {
            step();
            read(4096);
        }
        fuzz::require(ended_ && !served(), "the connection is closed");
        fuzz::require(received_ == read_simply(sent_).answers, "all is answered");
    }
    // The peer goes without a word.
    void vanish() {
        peer_ = zen::Descriptor(-1);
        for (int i = 0; i < 1000 && served(); ++i) step();
        fuzz::require(!served(), "the connection is closed");
    }

  private:
    zen::Descriptor peer_{-1};
    int descriptor_ = -1;
    Server server_{zen::Descriptor(-1), false};
    std::string sent_, received_;
    bool ended_ = false;
};

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    zen::quiet = true;
    signal(SIGPIPE, SIG_IGN); // as zen::start does
    fuzz::Input input(data, size);
    Conversation conversation;
    std::string many;
    while (!input.empty()) {
        const unsigned what = input.byte();
        const unsigned amount = what >> 3; // 0 to 31
        switch (what & 7) {
        case 0: conversation.send(zen::table[amount % 3].question); break;
        case 1:
            many.clear();
            for (unsigned i = 0; i < amount * amount; ++i) many += zen::table[i % 3].question;
            conversation.send(many);
            break;
        case 2: conversation.send(input.bytes(amount)); break;
        case 3:
            conversation.send(
                std::string_view("Beautiful is better than?").substr(std::min(amount, 24u)));
            break;
        case 4: conversation.read(1 + amount * 100); break;
        case 5: conversation.step(); break;
        case 6: conversation.send(std::string(amount * 100, amount % 2 ? 'x' : ' ')); break;
        default:
            if (amount == 1) conversation.shut_down();
            if (amount == 2) return conversation.vanish(), 0;
        }
    }
    conversation.finish();
    return 0;
}
