// http.h: what hget knows of HTTP/1.0: the request, and what tells where the response ends. No
// socket is in here.
//     GET /index.html HTTP/1.0        HTTP/1.0 200 OK             the status line,
//     Host: 127.0.0.1:8000            Content-Length: 6           headers,
//                                                                 and an empty line end the head;
//                                     Hello                       the page, with its newline
#pragma once

#include "arguments.h"
#include "events.h"

#include <optional>

#include <strings.h>

namespace http {
using Length = std::optional<std::size_t>; ///< bytes of the page; none: up to the end of file
/// What is asked for.
struct Request {
    std::string host, port, path;
    std::optional<asyncio::Seconds> limit = asyncio::Seconds(5); ///< of silence
    std::string name() const { return zen::address_name(host, port); }
    std::string text() const { return "GET " + path + " HTTP/1.0\r\nHost: " + name() + "\r\n\r\n"; }
};

/// Prints a part of the response.
inline void show(std::string_view bytes) {
    std::string text;
    for (std::size_t end; !bytes.empty(); bytes.remove_prefix(end)) {
        end = std::min(bytes.find_first_of("\r\n"), bytes.size());
        text += zen::printable(bytes.substr(0, end));
        if (end == bytes.size()) break;
        if (bytes[end++] == '\n') text += '\n'; // each line ends with "\r\n"
    }
    if (!zen::write_all(STDOUT_FILENO, text)) zen::fail("cannot print");
}

/// Where one is in a response, which is shown as it comes.
struct Response {
    bool in_page = false; ///< after the head, which ends with an empty line
    Length left = {};     ///< of the page

    void take_line(std::string_view line) {
        constexpr std::string_view name = "content-length:"; // in letters of any case
        show(line);
        in_page = line == "\r\n" || line == "\n";
        if (line.size() < name.size() || strncasecmp(line.data(), name.data(), name.size()) != 0)
            return;
        left = std::strtoul(std::string(line.substr(name.size())).c_str(), nullptr, 10);
    }
    void take_page(std::string_view bytes) {
        bytes = bytes.substr(0, left.value_or(bytes.size()));
        show(bytes);
        if (left) *left -= bytes.size();
    }
    bool complete() const { return in_page && left == 0u; }
    /// At the end of file: throws if the response is cut.
    void check_end(const Request &request) const {
        if (!in_page || left.value_or(0) > 0)
            throw std::runtime_error("no complete response from " + request.name() +
                                     ": connection closed");
    }
};

/// Takes from a URL what it asks for; if it is none, ends the program.
inline void read_url(std::string url, const arguments::Usage &usage, Request &request) {
    const std::string wrong = "the URL must be http://HOST[:PORT][/PATH], not '" + url + "'";
    const bool plain =
        std::all_of(url.begin(), url.end(), [](char c) { return c > ' ' && c <= '~'; });
    if (!plain || !url.starts_with("http://")) usage.error(wrong);
    url = url.substr(7, url.find('#') - 7);
    const std::size_t path = std::min(url.find_first_of("/?"), url.size());
    request.host = url.substr(0, path);
    request.port = usage.program.port;
    request.path = url.substr(path);
    if (!request.path.starts_with('/')) request.path.insert(0, "/");
    const std::size_t colon = request.host.rfind(':');
    if (colon != std::string::npos && request.host.find(']', colon) == std::string::npos) {
        request.port = request.host.substr(colon + 1);
        request.host.resize(colon);
    }
    if (request.host.starts_with('[') && request.host.ends_with(']'))
        request.host = request.host.substr(1, request.host.size() - 2);
    if (request.host.empty()) usage.error(wrong);
    usage.number("PORT", request.port, 1, 65'535); // only looks at it
}
} // namespace http
