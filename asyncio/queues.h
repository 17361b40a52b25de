// queues.h: Queue of Python's asyncio: tasks that make something hand it to tasks that use it.
// What differs from Python: the items are of one type T, and a queue is a handle.
#pragma once

#include "locks.h"

namespace asyncio {
struct QueueEmpty : RuntimeError {
    QueueEmpty() : RuntimeError("the queue is empty") {}
};
struct QueueFull : RuntimeError {
    QueueFull() : RuntimeError("the queue is full") {}
};

template <class T> class Queue {
  public:
    /// With room for so many items, or (0) for any number.
    explicit Queue(std::size_t maxsize = 0) : state_(std::make_shared<State>(maxsize)) {}
    std::size_t qsize() const { return state_->items.size(); }
    bool empty() const { return state_->items.empty(); }
    bool full() const { return state_->full(); }
    /// Waits until there is room.
    Coroutine<void> put(T item) const { return put(*this, std::move(item)); }
    /// Waits until there is an item, and takes it.
    Coroutine<T> get() const { return get(*this); }
    void put_nowait(T item) const {
        if (full()) throw QueueFull();
        state_->items.push_back(std::move(item));
        ++state_->unfinished;
        state_->finished.clear();
        state_->getters.wake(1);
    }
    T get_nowait() const {
        if (empty()) throw QueueEmpty();
        T item = std::move(state_->items.front());
        state_->items.pop_front();
        state_->putters.wake(1);
        return item;
    }
    /// Says that an item that was taken has been dealt with.
    void task_done() const {
        if (state_->unfinished == 0) throw ValueError("task_done() called too many times");
        if (--state_->unfinished == 0) state_->finished.set();
    }
    /// Waits until all items that were put in have been dealt with.
    Coroutine<void> join() const { return join(state_); }

  private:
    struct State {
        const std::size_t maxsize;
        std::deque<T> items = {};
        Line getters = {}, putters = {};
        std::size_t unfinished = 0;
        Event finished = {};
        explicit State(std::size_t size) : maxsize(size) {}
        bool full() const { return maxsize > 0 && items.size() >= maxsize; }
    };
    static Coroutine<void> put(Queue queue, T item) {
        State &state = *queue.state_;
        while (state.full()) {
            Line::Place place(state.putters);
            try {
                co_await place.waiter;
            } catch (const CancelledError &) { // woken as well, for nothing: the next one's turn
                if (!state.full() && !place.waiter.cancelled()) state.putters.wake(1);
                throw;
            }
        }
        queue.put_nowait(std::move(item));
    }
    static Coroutine<T> get(Queue queue) {
        State &state = *queue.state_;
        while (state.items.empty()) {
            Line::Place place(state.getters);
            try {
                co_await place.waiter;
            } catch (const CancelledError &) { // the item is still there, for the next one
                if (!state.items.empty() && !place.waiter.cancelled()) state.getters.wake(1);
                throw;
            }
        }
        co_return queue.get_nowait();
    }
    static Coroutine<void> join(std::shared_ptr<State> state) {
        if (state->unfinished > 0) {
            co_await state->finished.wait();
        }
    }
    std::shared_ptr<State> state_;
};
} // namespace asyncio
