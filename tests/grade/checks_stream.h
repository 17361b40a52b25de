// What the checks of the TCP servers of the Zen protocol have in common: which programs, what is asked.
#ifndef ZEN_TESTS_GRADE_CHECKS_STREAM_H
#define ZEN_TESTS_GRADE_CHECKS_STREAM_H

#include "check.h"

#include <string>

namespace grade {

constexpr bool is_stream_program(const Program &program) {
    return test::is_zen_tcp_server(program) && !test::is_forking_server(program);
}
/// sszt -f is the same program as sszt: what does not depend on processes is not checked again.
inline constexpr auto stream_programs = test::select<is_stream_program>();

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
