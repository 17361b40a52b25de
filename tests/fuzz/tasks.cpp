// Tasks of asyncio that sleep, await and cancel each other, and share locks and queues, against a
// model of these. Input: for each of eight tasks its script, after its size; a byte of a script is
// an action and its number. Time is the loop's own, and passes at once. When nothing happens any
// more, whoever waits must have to: so a wake-up that got lost is found. Then all are cancelled.
#include "fuzz.h"

#include "../../asyncio/waiting.h"

#include <deque>

using namespace asyncio;
using namespace std::chrono_literals;
using fuzz::require;

struct Loop : EventLoop {
    Time now = Time();
    Time time() const override { return now; }
    int wait(epoll_event *, int, int milliseconds) override {
        if (milliseconds < 0) stop(); // nothing can happen any more
        else now += milliseconds * 1ms;
        return 0;
    }
};

struct Player {
    fuzz::Input script;
    std::function<bool()> has_to_wait = nullptr; // set while it waits
    int cancels = 0;                             // that it may not have seen yet
    Player *awaited = nullptr;                   // which is cancelled in its place
    void is_cancelled() {
        ++cancels;
        if (awaited) awaited->is_cancelled();
    }
};

struct World {
    Loop loop = {};
    std::vector<Player> players = {};
    std::vector<Task<void>> tasks = {};
    bool ending = false; // no task goes on when it is cancelled
    Lock lock = {};
    std::vector<Player *> line = {}; // who waits for it, in this order
    Player *holder = nullptr;
    Semaphore semaphore{2};
    int permits = 0; // that are taken
    Queue<unsigned> queue{2};
    std::deque<unsigned> items = {};
    Condition condition{};
    int tokens = 0; // whose number it is about
};
World *world;

// In what follows the player waits, and has to as long as this is true.
struct Waiting {
    Player *player;
    Waiting(Player *who, std::function<bool()> has_to) : player(who) { who->has_to_wait = has_to; }
    Waiting(const Waiting &) = delete;
    ~Waiting() { player->has_to_wait = nullptr; }
};

Coroutine<void> act(Player *me);
Coroutine<void> take_a_nap(int number) {
    const Time end = world->loop.now + number * 1ms;
    co_await sleep(number * 1ms);
    require(world->loop.now == end, "a sleep ends in time");
}
Coroutine<void> hold_lock(Player *me) {
    if (world->holder == me) co_return; // or it would wait for itself
    world->line.push_back(me);
    {
        const Finally leave([me] { world->line.erase(std::ranges::find(world->line, me)); });
        const Waiting waiting(me, [] { return world->holder != nullptr; });
        co_await world->lock.acquire();
        for (auto it = world->line.begin(); *it != me; ++it)
            require((*it)->cancels > 0, "a lock goes to who came first");
    }
    require(!world->holder, "a lock has one holder");
    world->holder = me;
    const Finally release([] {
        world->holder = nullptr;
        world->lock.release();
    });
    co_await act(me);
}
Coroutine<void> hold_permit(Player *me) {
    {
        const Waiting waiting(me, [] { return world->permits == 2; });
        co_await world->semaphore.acquire();
    }
    require(++world->permits <= 2, "no more permits are given than there are");
    const Finally release([] {
        --world->permits;
        world->semaphore.release();
    });
    co_await act(me);
}
Coroutine<void> put(Player *me, unsigned item) {
    const Waiting waiting(me, [] { return world->items.size() == 2; });
    co_await world->queue.put(item);
    world->items.push_back(item);
}
Coroutine<void> get(Player *me) {
    const Waiting waiting(me, [] { return world->items.empty(); });
    const unsigned item = co_await world->queue.get();
    require(!world->items.empty() && item == world->items.front(), "items come in their order");
    world->items.pop_front();
}
Coroutine<void> make_token() {
    const auto held = co_await with(world->condition);
    ++world->tokens;
    world->condition.notify();
}
Coroutine<void> take_token(Player *me) {
    const Waiting waiting(me, [] { return world->tokens == 0; });
    const auto held = co_await with(world->condition);
    while (world->tokens == 0) co_await world->condition.wait();
    --world->tokens;
}

// Awaits a task that comes later in the list, so that none waits for itself.
Coroutine<void> join(Player *me, int number) {
    const auto later = std::size_t(me - world->players.data() + 1 + number % 4);
    if (later >= world->tasks.size()) co_return;
    const auto task = world->tasks[later];
    const Waiting waiting(me, [=] { return !task.done(); });
    if (number >= 12) co_return co_await shield(task);
    me->awaited = &world->players[later];
    for (int i = 0; i < me->cancels; ++i) me->awaited->is_cancelled(); // as soon as it waits
    const Finally check([me, task] {
        me->awaited = nullptr;
        require(task.done(), "who is awaited has ended");
    });
    co_await task;
}
void cancel(std::size_t index) {
    const auto &task = world->tasks[index];
    const bool done = task.done();
    if (!done) world->players[index].is_cancelled();
    require(task.cancel() != done, "what has ended cannot be cancelled");
}
Coroutine<void> act_in_time(Player *me, int number) {
    const Time end = world->loop.now + number * 1ms;
    me->is_cancelled(); // or may be, at any time
    try {
        co_await wait_for(act(me), number * 1ms);
    } catch (const TimeoutError &) {
        require(world->loop.now >= end, "time is not over before its time");
    }
}

Coroutine<void> act(Player *me) {
    const unsigned byte = me->script.byte();
    const int number = int(byte / 10);
    switch (byte % 10) {
    case 0: co_await take_a_nap(number); break;
    case 1: co_await hold_lock(me); break;
    case 2: co_await hold_permit(me); break;
    case 3: co_await put(me, byte); break;
    case 4: co_await get(me); break;
    case 5: co_await join(me, number); break;
    case 6: cancel(byte / 10 % 8); break;
    case 7: co_await make_token(); break;
    case 8: co_await take_token(me); break;
    default: co_await act_in_time(me, number);
    }
}
Coroutine<void> play(Player *me) {
    while (!me->script.empty()) {
        try {
            co_await act(me);
        } catch (const CancelledError &) {
            if (world->ending || me->script.byte() % 2) throw;
        }
    }
}

int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    fuzz::Input input(data, size);
    World here;
    world = &here;
    here.loop.set_exception_handler(
        [](const auto &error) { require(false, error.message.c_str()); });
    for (int i = 0; i < 8; ++i)
        here.players.push_back({fuzz::Input(input.bytes(input.byte() % 32))});
    for (Player &player : here.players) here.tasks.push_back(create_task(play(&player)));
    here.loop.run_forever();
    for (std::size_t i = 0; i < here.tasks.size(); ++i) {
        const auto &has_to_wait = here.players[i].has_to_wait;
        require(here.tasks[i].done() || (has_to_wait && has_to_wait()), "who waits has to");
    }
    here.ending = true;
    for (int i = 0; i < 9; ++i) { // what another one awaits may end the other one's await only
        for (const auto &task : here.tasks) task.cancel();
        here.loop.run_forever();
    }
    for (const auto &task : here.tasks) require(task.done(), "who is cancelled ends");
    require(!here.lock.locked() && !here.semaphore.locked(), "nobody has what is locked");
    require(here.queue.qsize() == here.items.size(), "no item is lost");
    return 0;
}
