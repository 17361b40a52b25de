// yardstick-udp: the least that a UDP server can do. It sleeps in recvfrom, and sends a constant
// back, whatever has come.
//
//     yardstick-udp [-x] HOST PORT
//
// -x: one system call more for each datagram, a look at what has come since.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char *argv[]) {
    bool extra = false;
    for (int letter; (letter = getopt(argc, argv, "x")) != -1;) {
        if (letter != 'x') return 2;
        extra = true;
    }
    if (argc - optind != 2) return 2;

    sockaddr_in own = {}, client = {};
    socklen_t size = sizeof own;
    own.sin_family = AF_INET;
    own.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[optind + 1])));
    inet_pton(AF_INET, argv[optind], &own.sin_addr);
    auto *address = reinterpret_cast<sockaddr *>(&own);
    const int server = socket(AF_INET, SOCK_DGRAM, 0);
    if (bind(server, address, size) != 0) {
        std::perror("bind");
        return 1;
    }
    getsockname(server, address, &size);
    std::printf("UDP server started at %s:%d\n", argv[optind], ntohs(own.sin_port));
    std::fflush(stdout);

    address = reinterpret_cast<sockaddr *>(&client);
    while (true) {
        char buffer[2048];
        size = sizeof client;
        if (recvfrom(server, buffer, sizeof buffer, 0, address, &size) < 0) continue;
        sendto(server, "Complex.", 8, 0, address, size);
        if (extra) recv(server, buffer, 1, MSG_PEEK | MSG_DONTWAIT);
    }
}
