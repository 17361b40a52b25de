// make lint: looks for what breaks the rule "a co_await stands alone", see tests/grade/co_await.h.
//
//     build/tests/co_await FILE...        (exit status 1: there is such a place)
#include "grade/co_await.h"

#include <fstream>
#include <iostream>
#include <sstream>

int main(int argc, char *argv[]) {
    int status = 0;
    for (int i = 1; i < argc; ++i) {
        std::ifstream file(argv[i]);
        std::ostringstream text;
        if (!file || !(text << file.rdbuf())) {
            std::cerr << "co_await: cannot read " << argv[i] << '\n';
            return 1;
        }
        for (const std::string &place : grade::crowded_co_awaits(text.str())) {
            std::cerr << argv[i] << ':' << place << "\n    a co_await stands alone\n";
            status = 1;
        }
    }
    return status;
}
