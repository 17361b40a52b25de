// Tasks of asyncio that sleep, await and cancel each other, and share locks and queues, against a
// model of what they share. Input: for each of eight tasks its script, after its size; a byte of a
// script is an action and its number. The clock is the loop's own, so that no time passes.
//
// When nothing happens any more, it is asked of each task that waits whether it has to: so a wake-up
// that got lost is found. Then all are cancelled, and must end.
#include "fuzz.h"

#include "../../asyncio/waiting.h"

#include <chrono>
#include <deque>

using namespace asyncio;
using namespace std::chrono_literals;
using fuzz::require;

namespace {

class Loop : public EventLoop {
  public:
    Loop() {
        set_exception_handler([](const ExceptionContext &context) {
            require(false, ("nothing is reported: " + context.message).c_str());
        });
    }
    Time time() const override { return now_; }

  protected:
    int wait(epoll_event *, int, int milliseconds) override {
        if (milliseconds < 0) stop(); // nothing can happen any more
        else now_ += std::chrono::milliseconds(milliseconds);
        return 0;
    }

  private:
    Time now_ = Time();
};

struct Player {
    fuzz::Input script;
    std::function<bool()> has_to_wait = nullptr; // set while it waits
    int cancels = 0;                             // that it may not have seen yet
    std::vector<Player *> awaited = {};          // which are cancelled in its place

    void is_cancelled() {
        ++cancels;
        for (Player *player : awaited) player->is_cancelled();
    }
};

struct World {
    Loop loop = {};
    std::vector<Player> players = {};
    std::vector<Task<void>> tasks = {};
    bool ending = false; // no task goes on when it is cancelled
    int alive = 0;

    Lock lock = {};
    std::vector<Player *> line = {}; // who waits for it, in this order
    Player *holder = nullptr;
    Semaphore semaphore{2};
    int permits = 0; // that are taken
    Queue<unsigned> queue{2};
    std::deque<unsigned> items = {};
    Event event = {};
    Condition condition{};
    int tokens = 0; // whose number it is about
};
World *world;

// In what follows the player waits, and has to as long as this is true.
struct Waiting {
    Player *player;
    template <class F> Waiting(Player *who, F has_to) : player(who) {
        player->has_to_wait = has_to;
    }
    Waiting(const Waiting &) = delete;
    ~Waiting() { player->has_to_wait = nullptr; }
};

Coroutine<void> act(Player *me);

Coroutine<void> take_a_nap(Player *me, unsigned number) {
    const Time end = world->loop.time() + std::chrono::milliseconds(number);
    const Waiting waiting(me, [] { return false; });
    co_await sleep(std::chrono::milliseconds(number));
    require(world->loop.time() == end, "a sleep ends in time");
}
Coroutine<void> hold_lock(Player *me) {
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
    require(world->items.size() <= 2, "a queue has no more items than it has room for");
}
Coroutine<void> get(Player *me) {
    const Waiting waiting(me, [] { return world->items.empty(); });
    const unsigned item = co_await world->queue.get();
    require(!world->items.empty() && item == world->items.front(), "items come in their order");
    world->items.pop_front();
}
Coroutine<void> wait_for_event(Player *me) {
    const Waiting waiting(me, [] { return !world->event.is_set(); });
    co_await world->event.wait();
}
Coroutine<void> make_token() {
    const auto held = co_await with(world->condition);
    ++world->tokens;
    world->condition.notify();
}
Coroutine<void> take_token(Player *me) {
    const Waiting waiting(me, [] { return world->tokens == 0; });
    const auto held = co_await with(world->condition);
    co_await world->condition.wait_for([] { return world->tokens > 0; });
    --world->tokens;
}

// Awaits one or two tasks that come later in the list, so that none waits for itself.
Coroutine<void> join(Player *me, unsigned number, bool shielded) {
    const auto self = std::size_t(me - world->players.data()), later = self + 1 + number % 4;
    if (later >= world->tasks.size()) co_return;
    const auto first = world->tasks[later], last = world->tasks.back();
    const bool both = number >= 8, was_done = first.done() && last.done();
    const Waiting waiting(me, [=] { return !first.done() || (both && !last.done()); });
    const auto outer = shielded ? shield(first) : Future<void>();
    if (shielded) co_return co_await outer;
    me->awaited = {&world->players[later]};
    if (both) me->awaited.push_back(&world->players.back());
    const Finally forget([me] { me->awaited.clear(); });
    for (int i = 0; i < me->cancels; ++i) // which come when it begins to wait
        for (Player *player : me->awaited) player->is_cancelled();
    const Finally check([=] { require(both || first.done(), "who is awaited has ended"); });
    if (!both) co_return co_await first;
    co_await gather(first, last);
    require(first.done() && last.done() && (was_done || !first.cancelled()), "both have ended");
}
void cancel(unsigned number) {
    const std::size_t index = number % world->tasks.size();
    const bool done = world->tasks[index].done();
    if (!done) world->players[index].is_cancelled();
    require(world->tasks[index].cancel() != done, "what has ended cannot be cancelled");
}
Coroutine<void> act_in_time(Player *me, unsigned number) {
    const Time end = world->loop.time() + std::chrono::milliseconds(number);
    me->is_cancelled(); // or may be, at any time
    try {
        co_await wait_for(act(me), std::chrono::milliseconds(number));
    } catch (const TimeoutError &) {
        require(world->loop.time() >= end, "time is not over before its time");
    }
}

Coroutine<void> act(Player *me) {
    const unsigned byte = me->script.byte(), number = byte / 16;
    switch (byte % 16) {
    case 0:
    case 1: co_await take_a_nap(me, number); break;
    case 2:
        if (world->holder != me) co_await hold_lock(me); // or it would wait for itself
        break;
    case 3: co_await hold_permit(me); break;
    case 4:
    case 5: co_await put(me, byte); break;
    case 6:
    case 7: co_await get(me); break;
    case 8: co_await join(me, number, false); break;
    case 9: co_await join(me, number, true); break;
    case 10: cancel(number); break;
    case 11: number % 2 ? world->event.set() : world->event.clear(); break;
    case 12: co_await wait_for_event(me); break;
    case 13: co_await make_token(); break;
    case 14: co_await take_token(me); break;
    case 15: co_await act_in_time(me, number); break;
    }
}
Coroutine<void> play(Player *me) {
    ++world->alive;
    const Finally end([] { --world->alive; });
    while (!me->script.empty()) {
        try {
            co_await act(me);
        } catch (const CancelledError &) {
            if (world->ending || me->script.byte() % 2) throw;
        }
    }
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    fuzz::Input input(data, size);
    World here;
    world = &here;
    for (int i = 0; i < 8; ++i) {
        const std::string_view script = input.bytes(input.byte() % 32);
        here.players.push_back(
            {{reinterpret_cast<const std::uint8_t *>(script.data()), script.size()}});
    }
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
    require(here.alive == 0, "no frame is left");
    require(!here.lock.locked() && !here.semaphore.locked(), "nobody has what is locked");
    require(here.queue.qsize() == here.items.size(), "no item is lost");
    return 0;
}
