// Hangs at its start: prints nothing, listens nowhere, and does not end.

#include <unistd.h>

int main() {
    while (true) pause();
}
