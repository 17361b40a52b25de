// yardstick-tcp: the least that a TCP server can do. One thread waits with epoll; for each recv it
// sends a constant, whatever has come. What a server of the kit needs more time for than this one,
// it does itself; the rest is the kernel's.
//
//     yardstick-tcp [-n TIMES] [-x] HOST PORT
//
// -n: the constant is the answer so many times. -x: one system call more for each recv, a look at
// what has come since: so one sees what that costs, and that the benchmark notices it.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static int fail(const char *what) {
    std::perror(what);
    return 1;
}

int main(int argc, char *argv[]) {
    int times = 1;
    bool extra = false;
    for (int letter; (letter = getopt(argc, argv, "n:x")) != -1;) {
        if (letter == 'n') times = std::atoi(optarg);
        else if (letter == 'x') extra = true;
        else return 2;
    }
    if (argc - optind != 2) return 2;
    std::string constant;
    while (times-- > 0) constant += "Complex.";

    rlimit descriptors = {};
    getrlimit(RLIMIT_NOFILE, &descriptors);
    descriptors.rlim_cur = descriptors.rlim_max;
    setrlimit(RLIMIT_NOFILE, &descriptors);

    sockaddr_in own = {};
    socklen_t size = sizeof own;
    own.sin_family = AF_INET;
    own.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[optind + 1])));
    inet_pton(AF_INET, argv[optind], &own.sin_addr);
    auto *address = reinterpret_cast<sockaddr *>(&own);
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (bind(listener, address, size) != 0 || listen(listener, 1024) != 0) return fail("listen");
    getsockname(listener, address, &size);
    const int epoll = epoll_create1(0);
    epoll_event event = {EPOLLIN, {.fd = listener}};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0) return fail("epoll_ctl");
    std::printf("TCP server started at %s:%d\n", argv[optind], ntohs(own.sin_port));
    std::fflush(stdout);

    while (true) {
        epoll_event list[256];
        const int count = epoll_wait(epoll, list, 256, -1);
        for (int i = 0; i < count; ++i) {
            if (list[i].data.fd == listener) {
                event.data.fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
                if (event.data.fd >= 0) epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event);
                continue;
            }
            const int client = list[i].data.fd;
            char buffer[4096];
            if (recv(client, buffer, sizeof buffer, 0) <= 0) close(client);
            else send(client, constant.data(), constant.size(), MSG_NOSIGNAL);
            if (extra) recv(client, buffer, 1, MSG_PEEK);
        }
    }
}
