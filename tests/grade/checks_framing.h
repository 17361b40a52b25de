// What the checks of framing/ have in common: frames, and how they are seen to have come back.
#ifndef ZEN_TESTS_GRADE_CHECKS_FRAMING_H
#define ZEN_TESTS_GRADE_CHECKS_FRAMING_H

#include "check.h"

#include <string>
#include <vector>

namespace grade {

/// What a message of frame() begins and ends with.
inline std::string begin_of(const std::string &text) { return "<" + text + ">"; }
inline std::string end_of(const std::string &text) { return "</" + text + ">"; }

/// A frame of that program with a message that begins and ends so. The length in those of abs is
/// 00 01 01 00, the same in each byte order: that the order is right is a check of its own. So is
/// its size: who takes 00 01 for a length finds in the rest of the frame two more lengths of two bytes,
/// 00 ff and ff fe, with as many bytes after each.
inline std::string frame(const Program &program, const std::string &text) {
    std::string message = begin_of(text) + end_of(text);
    if (program.name == "ads") return message + "\n";
    if (program.name == "afs") return message.resize(1024, ' '), message;
    message = "\xff" + begin_of(text);
    message.resize(256, '.');
    message += "\xff\xfe";
    message.resize(0x010100 - end_of(text).size(), '.');
    return std::string("\0\1\1\0", 4) + message + end_of(text);
}

/// Waits until the messages of such frames have come back in this order. What has become of the
/// rest of each frame does not matter: that it comes back as it was is a check of its own.
inline void expect_messages(Talk &client, const std::vector<std::string> &texts,
                            const std::string &otherwise = "the message did not come back") {
    std::vector<std::string> all;
    for (const std::string &text : texts) {
        all.push_back(begin_of(text));
        all.push_back(end_of(text));
    }
    client.expect_texts(all, otherwise);
}

/// That a client gets back what it sends.
inline void echo(Server &server, Talk &client, const std::string &text,
                 const std::string &otherwise = "the message did not come back") {
    client.send(frame(server.program(), text));
    expect_messages(client, {text}, otherwise);
}
/// That a fresh client does, whatever has happened to others.
inline void echo_another(Server &server, const std::string &otherwise) {
    Talk another(server);
    echo(server, another, "Another", otherwise);
}

} // namespace grade

#endif
