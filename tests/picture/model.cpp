#include "model.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <set>

namespace picture {

namespace {

bool contains(std::string_view text, std::string_view what) { return text.find(what) != text.npos; }

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

bool receives(const Call &call) {
    return is_one_of(call.name, {"recvfrom", "recvmsg", "recv", "read", "readv"});
}
bool sends(const Call &call) {
    return is_one_of(call.name, {"sendto", "sendmsg", "send", "write", "writev"});
}
bool accepts(const Call &call) { return is_one_of(call.name, {"accept", "accept4"}); }
bool makes_thread(const Call &call) {
    return is_one_of(call.name, {"clone", "clone3", "fork", "vfork"});
}

// The first argument, a descriptor with what strace tells about it; and whether that is a socket.
std::string_view first_argument(const Call &call) {
    const std::string_view all = call.arguments;
    return all.substr(0, all.find(", "));
}
bool is_on_socket(const Call &call) {
    const std::string_view word = first_argument(call);
    return contains(word, "<TCP") || contains(word, "<UDP") || contains(word, "<socket:");
}

// Which descriptors of a process do not block. A child begins with a copy, threads share one.
using NonBlocking = std::set<int>;

void follow(NonBlocking &descriptors, const Call &call) {
    const auto set = [&](int descriptor, bool on) {
        if (on) descriptors.insert(descriptor);
        else descriptors.erase(descriptor);
    };
    if (call.name == "socket" || accepts(call)) {
        if (call.value() >= 0)
            set(static_cast<int>(call.value()), contains(call.arguments, "SOCK_NONBLOCK"));
    } else if (call.name == "fcntl" && contains(call.arguments, "F_SETFL"))
        set(call.descriptor(), contains(call.arguments, "O_NONBLOCK"));
    else if (call.name == "ioctl" && contains(call.arguments, "FIONBIO"))
        set(call.descriptor(), contains(call.arguments, "[1]"));
    else if (call.name == "close") set(call.descriptor(), false);
}

// Whether a call is one that waits for somebody else. Other calls take time too, on a busy machine.
bool may_sleep(const Call &call, const NonBlocking &descriptors) {
    if (is_one_of(call.name, {"select", "pselect6", "poll", "ppoll", "epoll_wait", "epoll_pwait",
                              "epoll_pwait2", "nanosleep", "clock_nanosleep", "restart_syscall",
                              "pause", "rt_sigtimedwait"}))
        return true;
    if (call.name == "futex") return contains(call.arguments, "FUTEX_WAIT");
    if (is_one_of(call.name, {"wait4", "waitid"})) return !contains(call.arguments, "WNOHANG");
    if (accepts(call) || receives(call) || sends(call))
        return is_on_socket(call) && !descriptors.count(call.descriptor()) &&
               !contains(call.arguments, "MSG_DONTWAIT");
    return false;
}

// The bytes that are on their way between a client and the server in one direction.
class Way {
  public:
    void put(std::size_t lane, double at, std::size_t size) { sent_.push_back({lane, at, size}); }

    // What was taken, `size` bytes of a stream or one datagram: calls `arrow` for each send of it.
    template <class Arrow> void take(std::size_t size, bool datagram, Arrow arrow) {
        while (!sent_.empty() && (size > 0 || datagram)) {
            arrow(sent_.front().lane, sent_.front().at);
            if (datagram || size >= sent_.front().size) {
                size -= std::min(size, sent_.front().size);
                sent_.pop_front();
                if (datagram) return;
            } else {
                sent_.front().size -= size;
                return;
            }
        }
    }

  private:
    struct Sent {
        std::size_t lane;
        double at;
        std::size_t size;
    };
    std::deque<Sent> sent_;
};

class Maker {
  public:
    Maker(const std::string &title, const Trace &server, const std::vector<Client> &clients,
          Span span)
        : server_(server), clients_(clients), span_(span) {
        picture_.title = title;
        picture_.span = span;
    }

    Picture make() {
        for (const Client &client : clients_) add_client(client);
        find_parents();
        for (const Call &call : server_.calls) add_call(call);
        connect_lanes();
        remove_unseen_lanes();
        return std::move(picture_);
    }

  private:
    // Something that starts or ends an arrow, to be looked at in the order of time.
    struct Event {
        enum class Kind { connect, send, receive, accept, close, end_of_file } kind;
        double at = 0;
        std::size_t lane = 0, client = 0, size = 0;
    };
    struct Thread {
        std::size_t lane = 0;
        std::string
            last; // the call that slept last: restart_syscall goes on with it, after a signal
        std::shared_ptr<NonBlocking> descriptors;
    };
    struct Parent {
        int thread = 0;
        bool is_thread = false; // else a process of its own
    };

    bool seen(double at) const { return at >= span_.begin && at <= span_.end; }

    void add_tick(Lane &lane, Tick::Kind kind, double at) const {
        if (seen(at)) lane.ticks.push_back({kind, at});
    }

    void add_bar(Lane &lane, double begin, double end, const std::string &name,
                 const std::string &peer) const {
        if (end - begin < asleep || end <= span_.begin || begin >= span_.end) return;
        lane.bars.push_back({std::max(begin, span_.begin), std::min(end, span_.end), name, peer});
    }

    void add_client(const Client &client) {
        const std::size_t number = picture_.lanes.size();
        Lane lane = {client.name, client.habit, true, span_.end, span_.end, {}, {}, {}};
        for (const Step &step : client.steps) {
            lane.begin = std::min(lane.begin, step.begin);
            switch (step.kind) {
            case Step::Kind::connect:
                add_tick(lane, Tick::Kind::connect, step.begin);
                events_.push_back({Event::Kind::connect, step.begin, number, number, 0});
                break;
            case Step::Kind::send:
                lane.notes.push_back({step.begin, true, step.bytes});
                events_.push_back(
                    {Event::Kind::send, step.begin, number, number, step.bytes.size()});
                break;
            case Step::Kind::receive:
                add_bar(lane, step.begin, step.end, "recv", "");
                if (step.bytes.empty()) break;
                lane.notes.push_back({step.end, false, step.bytes});
                events_.push_back(
                    {Event::Kind::receive, step.end, number, number, step.bytes.size()});
                break;
            case Step::Kind::close:
                lane.end = step.begin;
                add_tick(lane, Tick::Kind::close, step.begin);
                events_.push_back({Event::Kind::close, step.begin, number, number, 0});
                break;
            }
        }
        picture_.lanes.push_back(lane);
    }

    void find_parents() {
        for (const Call &call : server_.calls)
            if (makes_thread(call) && call.value() > 0)
                parents_[static_cast<int>(call.value())] = {
                    call.thread, contains(call.arguments, "CLONE_THREAD")};
    }

    // The state of a thread; at its first call, with a lane of its own.
    Thread &thread_of(const Call &call) {
        const auto found = threads_.find(call.thread);
        if (found != threads_.end()) return found->second;
        Thread thread;
        thread.lane = picture_.lanes.size();
        const auto parent = parents_.find(call.thread);
        std::string name = "server";
        if (parent == parents_.end() || !threads_.count(parent->second.thread))
            thread.descriptors = std::make_shared<NonBlocking>();
        else {
            const auto &shared = threads_.at(parent->second.thread).descriptors;
            thread.descriptors =
                parent->second.is_thread ? shared : std::make_shared<NonBlocking>(*shared);
            int &count = parent->second.is_thread ? thread_count_ : process_count_;
            name = (parent->second.is_thread ? "thread " : "process ") + std::to_string(++count);
        }
        const auto exit = server_.exits.find(call.thread);
        const double end = exit == server_.exits.end() ? span_.end : exit->second;
        picture_.lanes.push_back({name,
                                  name == "server" ? "its first thread" : "",
                                  false,
                                  std::max(call.begin, span_.begin),
                                  std::min(end, span_.end),
                                  {},
                                  {},
                                  {}});
        return threads_[call.thread] = thread;
    }

    // The client with that port; none: the number of the clients.
    std::size_t client_with(int port) const {
        std::size_t number = 0;
        while (number < clients_.size() && (port == 0 || clients_[number].port != port)) ++number;
        return number;
    }

    static std::string name_of(Thread &thread, const Call &call) {
        if (call.name == "restart_syscall") return thread.last;
        return thread.last = function_name(call);
    }

    void add_call(const Call &call) {
        Thread &thread = thread_of(call);
        Lane &lane = picture_.lanes[thread.lane];
        const double end = call.ended ? call.end : span_.end;
        const bool moves_bytes = receives(call) || sends(call);
        const int connected = ends_of(first_argument(call)).peer;
        const std::size_t client =
            client_with(connected != 0                      ? connected
                        : moves_bytes && is_on_socket(call) ? port_in(call.arguments)
                                                            : 0);
        const bool known = client < clients_.size();
        const bool short_send = sends(call) && end - call.begin < asleep_in_send;
        if (may_sleep(call, *thread.descriptors) && !short_send)
            add_bar(lane, call.begin, end, name_of(thread, call),
                    known && connected != 0 ? clients_[client].name : "");
        if (call.ended) follow(*thread.descriptors, call);
        if (accepts(call) && call.value() >= 0) {
            add_tick(lane, Tick::Kind::accept, end);
            int port = ends_of(call.result).peer;
            if (port == 0) port = port_in(call.arguments);
            if (const std::size_t accepted = client_with(port); accepted < clients_.size())
                events_.push_back({Event::Kind::accept, end, thread.lane, accepted, 0});
        } else if (call.name == "close" && is_on_socket(call))
            add_tick(lane, Tick::Kind::close, call.begin);
        else if (known && receives(call) && call.value() >= 0 &&
                 !contains(call.arguments, "MSG_PEEK")) {
            const auto size = static_cast<std::size_t>(call.value());
            const bool ends = size == 0 && connected != 0;
            events_.push_back({ends ? Event::Kind::end_of_file : Event::Kind::receive, end,
                               thread.lane, client, size});
        } else if (known && sends(call) && call.value() > 0)
            events_.push_back({Event::Kind::send, call.begin, thread.lane, client,
                               static_cast<std::size_t>(call.value())});
    }

    // The order of events. strace begins to measure a call after it has written down when it began: so what is
    // taken may seem to be taken before it was sent.
    static double order_of(const Event &event) {
        const bool takes = event.kind == Event::Kind::receive ||
                           event.kind == Event::Kind::accept ||
                           event.kind == Event::Kind::end_of_file;
        return event.at + (takes ? 0.002 : 0);
    }

    // Makes the arrows: each end of a call takes what was sent first of all that is on its way.
    void connect_lanes() {
        std::stable_sort(events_.begin(), events_.end(),
                         [](const Event &a, const Event &b) { return order_of(a) < order_of(b); });
        std::map<std::pair<std::size_t, bool>, Way> ways; // by client, and whether to the server
        std::map<std::size_t, Event> connected, closed;   // by client
        const bool datagrams = std::none_of(events_.begin(), events_.end(), [](const Event &event) {
            return event.kind == Event::Kind::accept;
        });
        for (const Event &event : events_) {
            const bool by_client = event.lane == event.client;
            const auto add = [&](Arrow::Kind kind, std::size_t lane, double at) {
                if (seen(at) && seen(event.at))
                    picture_.arrows.push_back({kind, lane, event.lane, at, std::max(at, event.at)});
            };
            const auto add_from = [&](Arrow::Kind kind, std::map<std::size_t, Event> &earlier) {
                const auto found = earlier.find(event.client);
                if (found == earlier.end()) return;
                add(kind, found->second.lane, found->second.at);
                earlier.erase(found); // a second end of file is not another one
            };
            switch (event.kind) {
            case Event::Kind::connect: connected[event.client] = event; break;
            case Event::Kind::close: closed[event.client] = event; break;
            case Event::Kind::accept: add_from(Arrow::Kind::connect, connected); break;
            case Event::Kind::end_of_file: add_from(Arrow::Kind::close, closed); break;
            case Event::Kind::send:
                ways[{event.client, by_client}].put(event.lane, event.at, event.size);
                break;
            case Event::Kind::receive:
                ways[{event.client, !by_client}].take(
                    event.size, datagrams,
                    [&](std::size_t lane, double at) { add(Arrow::Kind::bytes, lane, at); });
                break;
            }
        }
    }

    // Without the threads and processes that lived before or after what the picture shows.
    void remove_unseen_lanes() {
        std::vector<Lane> lanes;
        std::map<std::size_t, std::size_t> places;
        for (std::size_t i = 0; i < picture_.lanes.size(); ++i) {
            const Lane &lane = picture_.lanes[i];
            if (!lane.is_client && lane.begin >= lane.end) continue;
            places[i] = lanes.size();
            lanes.push_back(lane);
        }
        for (Arrow &arrow : picture_.arrows)
            arrow.from = places.at(arrow.from), arrow.to = places.at(arrow.to);
        picture_.lanes = std::move(lanes);
    }

    const Trace &server_;
    const std::vector<Client> &clients_;
    Span span_;
    Picture picture_;
    std::map<int, Parent> parents_;
    std::map<int, Thread> threads_;
    int thread_count_ = 0, process_count_ = 0;
    std::vector<Event> events_;
};

} // namespace

std::string function_name(const Call &call) {
    const std::string_view arguments = call.arguments;
    if (call.name == "recvfrom" && arguments.ends_with("NULL, NULL")) return "recv";
    if (call.name == "sendto" && arguments.ends_with("NULL, 0")) return "send";
    if (call.name == "accept4") return "accept";
    if (call.name == "pselect6") return "select";
    if (call.name == "ppoll") return "poll";
    if (call.name == "epoll_pwait" || call.name == "epoll_pwait2") return "epoll_wait";
    if (call.name == "clock_nanosleep" || call.name == "nanosleep") return "sleep";
    if (call.name == "wait4" || call.name == "waitid") return "wait";
    return call.name;
}

Picture make_picture(const std::string &title, const Trace &server,
                     const std::vector<Client> &clients, Span span) {
    return Maker(title, server, clients, span).make();
}

} // namespace picture
