// conversation.h: what the TCP servers of asyncio/ say to a client, whichever way its bytes come
// and go: the answer to a question; and for tacb and asynpro, which are called with whatever has
// come, a whole conversation, or with -e the course's echo. No socket is in here.
#pragma once

#include "../program.h"
#include "../zen.h"

/// The answer to a question, which is logged. None if it is not in the table: then hang up.
inline std::string_view answer_question(const std::string &peer, std::string_view question) {
    const std::string_view answer = zen::answer_to(question);
    const bool known = !answer.empty();
    zen::log(known ? "Received from " : "Unrecognized question from ", peer, ": ", question);
    if (known) zen::log("Sent to ", peer, ": ", answer);
    return answer;
}

struct Conversation {
    std::string name; // of the client
    bool echo;        // send back what the first read brings, and no more
    zen::Messages input{'?', zen::max_message, zen::white_space};
    bool refused = false;    // answer no more: hang up, and ignore what comes until it has left
    std::size_t ignored = 0; // bytes of this

    /// The answers to all questions that these bytes complete. Empty bytes are the end of file.
    std::string answers_to(std::string_view bytes) {
        std::string answers;
        if (refused) ignored += bytes.size();
        else if (bytes.empty()) end_of_file();
        else if (echo) answers = echo_of(bytes);
        else answer_questions(bytes, answers);
        return answers;
    }
    /// Whether a refused client goes on sending, and is to be closed at once.
    bool too_much() const { return ignored > 262'144; }

  private:
    std::string echo_of(std::string_view bytes) {
        zen::log("Received from ", name, ": ", bytes);
        zen::log("Sent to ", name, ": ", bytes);
        refused = true; // the first echo is the only one
        return std::string(bytes);
    }
    void answer_questions(std::string_view bytes, std::string &answers) {
        input.feed(bytes);
        while (const auto question = input.next()) {
            const std::string_view answer = answer_question(name, *question);
            refused = answer.empty();
            if (refused) return;
            answers += answer;
        }
        refused = input.too_long();
        if (refused) zen::log("Question too long from ", name);
    }
    void end_of_file() const {
        if (!input.rest().empty())
            zen::log("End of file in mid-question from ", name, ": ", input.rest());
    }
};
