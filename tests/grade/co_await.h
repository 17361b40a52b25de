// The rule of asyncio/ for sources: a co_await stands alone. g++ before 13 compiles other uses without a
// word to programs that do nothing, or destroy a closure twice; tests/asyncio/test_compiler.cpp has them.
#ifndef ZEN_TESTS_GRADE_CO_AWAIT_H
#define ZEN_TESTS_GRADE_CO_AWAIT_H

#include <string>
#include <vector>

namespace grade {

/// The places in a source that break the rule, each as "12: the line". Allowed is a co_await at the
/// beginning of a statement, after "name =" or after co_return; what is awaited is one call or name, in
/// which no { and no ? stands. Comments, strings and preprocessor lines do not count.
std::vector<std::string> crowded_co_awaits(const std::string &source);

} // namespace grade

#endif
