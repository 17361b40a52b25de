// Does not compile: names that nobody has declared, and a call with an argument too few.

#include "../zen.h"

int main(int argc, char *argv[]) {
    const zen::Options options = zen::start(argc, argv);
    const zen::Descriptor listener = open_listener(options);
    serve_forever(listener.get());
    return 0;
}
