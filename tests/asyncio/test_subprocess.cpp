// Other programs as children: their streams, their end, and that none is left.
#include "../../asyncio/subprocess.h"
#include "loop.h"

using namespace asyncio_tests;

namespace {
const Redirections all_pipes = {PIPE, PIPE, PIPE};
/// Runs a coroutine function, after which no child is left, be it a zombie.
template <class F> void without_children(F function) {
    signal(SIGPIPE, SIG_IGN); // as zen::start does
    run_in_test_loop(function);
    CHECK(waitid(P_ALL, 0, nullptr, WEXITED | WNOHANG | WNOWAIT) != 0);
}
Coroutine<Process> shell(std::string script, Redirections redirections = all_pipes) {
    return create_subprocess_exec({"sh", "-c", std::move(script)}, redirections);
}
} // namespace

TEST_CASE("communicate writes the input, and gives both outputs") {
    without_children([]() -> Coroutine<void> {
        const auto process = co_await shell("sort; echo 'to err' >&2; exit 3");
        const auto outputs = co_await process.communicate("b\na\n");
        REQUIRE(outputs.first == "a\nb\n");
        REQUIRE(outputs.second == "to err\n");
        REQUIRE(process.returncode() == 3);
    });
}

TEST_CASE("communicate does not block with more than a pipe holds, in both directions") {
    without_children([]() -> Coroutine<void> {
        const std::string input(1'000'000, 'x');
        const auto process = co_await shell("cat");
        const auto outputs = co_await process.communicate(input);
        REQUIRE(outputs.first.size() == input.size());
        const auto deaf = co_await shell("exit 0"); // reads nothing of it
        co_await deaf.communicate(input);
        REQUIRE(deaf.returncode() == 0);
    });
}

TEST_CASE("its streams can be read and written line by line") {
    without_children([]() -> Coroutine<void> {
        const auto process = co_await shell("while read line; do echo \"<$line>\"; done");
        for (const std::string word : {"one", "two"}) {
            process.in->write(word + "\n");
            const std::string line = co_await process.out->readline();
            REQUIRE(line == "<" + word + ">\n");
        }
        process.in->close();
        const std::string end = co_await process.out->readline();
        REQUIRE(end.empty());
        const int code = co_await process.wait();
        REQUIRE(code == 0);
    });
}

TEST_CASE("what it has written can be read after its end") {
    without_children([]() -> Coroutine<void> {
        const auto process = co_await shell("echo last");
        co_await process.wait();
        const std::string text = co_await process.out->read();
        REQUIRE(text == "last\n");
    });
}

TEST_CASE("streams that are no pipes: nothing, and err as out") {
    without_children([]() -> Coroutine<void> {
        const Redirections joined = {DEVNULL, PIPE, STDOUT}, none = {DEVNULL, DEVNULL, DEVNULL};
        const auto process = co_await shell("cat; echo err >&2; echo out", joined);
        REQUIRE(!process.in);
        REQUIRE(!process.err);
        const auto outputs = co_await process.communicate();
        REQUIRE(outputs.first == "err\nout\n");
        const auto silent = co_await shell("echo x; echo x >&2", none);
        const auto nothing = co_await silent.communicate();
        REQUIRE(nothing == Process::Outputs());
    });
}

TEST_CASE("a program that cannot be run is an error at once") {
    without_children([]() -> Coroutine<void> {
        std::string what;
        int number = 0;
        const std::vector<std::string> arguments = {"/no/such/program"};
        try {
            co_await create_subprocess_exec(arguments);
        } catch (const OSError &error) {
            what = error.what();
            number = error.number;
        }
        REQUIRE(what == "cannot run /no/such/program: No such file or directory");
        REQUIRE(number == ENOENT);
    });
}

TEST_CASE("terminate and kill end it, and wait tells which signal it was; several may wait") {
    without_children([]() -> Coroutine<void> {
        const auto process = co_await shell("exec sleep 100");
        const auto first = create_task(process.wait());
        const auto second = create_task(process.wait());
        const auto given_up = create_task(process.wait());
        co_await settle();
        given_up.cancel(); // the others wait on
        process.terminate();
        co_await gather(first, second);
        REQUIRE(first.result() == -SIGTERM);
        REQUIRE(second.result() == -SIGTERM);
        REQUIRE(process.returncode() == -SIGTERM);
        REQUIRE_THROWS_AS(process.kill(), ProcessLookupError);

        const auto other = co_await shell("exec sleep 100");
        other.kill();
        const int code = co_await other.wait();
        REQUIRE(code == -SIGKILL);
    });
}

TEST_CASE("close kills a child that ignores SIGTERM") {
    without_children([]() -> Coroutine<void> {
        const auto process = co_await shell("trap '' TERM; echo ready; exec sleep 100");
        const std::string ready = co_await process.out->readline();
        REQUIRE(ready == "ready\n");
        process.terminate();
        process.close();
        const int code = co_await process.wait();
        REQUIRE(code == -SIGKILL);
        process.close(); // once more is no error
    });
}

TEST_CASE("the last handle kills it and waits for it, also where a task is cancelled") {
    without_children([]() -> Coroutine<void> {
        const auto task = create_task([]() -> Coroutine<void> {
            const auto process = co_await shell("trap '' TERM; echo ready; exec sleep 100");
            co_await process.out->readline();
            co_await process.wait();
        });
        co_await settle();
        pid_t pid = 0;
        {
            const auto process = co_await shell("exec sleep 100");
            pid = process.pid();
            REQUIRE(kill(pid, 0) == 0);
        }
        REQUIRE(kill(pid, 0) != 0);
    }); // run() cancels the task
}

TEST_CASE("a child has the signals' own actions, and none of the pipes of others") {
    without_children([]() -> Coroutine<void> {
        const std::string script = "ls /proc/self/fd | wc -l; kill -PIPE $$; echo no";
        const auto alone = co_await shell(script);
        const auto expected = co_await alone.communicate();
        const auto other = co_await shell("cat");
        const auto process = co_await shell(script);
        const auto outputs = co_await process.communicate();
        REQUIRE(std::stoi(outputs.first) >= 4); // 0, 1, 2, and that of the directory
        REQUIRE(outputs == expected);
        REQUIRE(process.returncode() == -SIGPIPE);
    });
}

TEST_CASE("communicate within a time limit: the child runs on, and can be killed") {
    without_children([]() -> Coroutine<void> {
        const auto process = co_await shell("exec sleep 100");
        bool late = false;
        try {
            co_await wait_for(process.communicate(), 1s);
        } catch (const TimeoutError &) {
            late = true;
        }
        REQUIRE(late);
        REQUIRE(!process.returncode());
        process.kill();
        co_await process.communicate();
        REQUIRE(process.returncode() == -SIGKILL);
    });
}
