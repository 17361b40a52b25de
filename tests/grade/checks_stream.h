// What the checks of the TCP servers of the Zen protocol have in common: which programs, what is asked.
#ifndef ZEN_TESTS_GRADE_CHECKS_STREAM_H
#define ZEN_TESTS_GRADE_CHECKS_STREAM_H

#include "check.h"

#include <string>

namespace grade {

constexpr bool is_concurrent(const Program &program) {
    return test::is_zen_tcp_server(program) && program.name != "zens";
}
inline constexpr auto concurrent_servers = test::select<is_concurrent>();

/// `times` questions, beginning with the first of the table, and the letters of their answers.
inline std::string questions(std::size_t times) {
    std::string text;
    for (std::size_t i = 0; i < times; ++i) text += question(i % 3);
    return text;
}
inline std::string letters(std::size_t times) {
    std::string text;
    for (std::size_t i = 0; i < times; ++i) text += letter(i % 3);
    return text;
}

/// That a fresh client is served, whatever has happened to others.
inline void serve_another(Server &server, const std::string &otherwise) {
    Talk another(server);
    another.send(question(2));
    another.expect(letter(2), otherwise);
}

} // namespace grade

#endif
