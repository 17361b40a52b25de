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

/// The length of the page, if this line of the head tells it: "Content-Length: 10".
inline void look_for_length(std::string_view line, Length &left) {
    constexpr std::string_view name = "content-length:"; // in letters of any case
    if (line.size() < name.size() || strncasecmp(line.data(), name.data(), name.size()) != 0)
        return;
    left = std::strtoul(std::string(line.substr(name.size())).c_str(), nullptr, 10);
}
inline bool ends_head(std::string_view line) { return line == "\r\n" || line == "\n"; }

/// The connection has been closed: whether before the end of the response.
inline void check_complete(const Request &request, bool in_page, Length left) {
    if (!in_page || left.value_or(0) > 0)
        throw std::runtime_error("no complete response from " + request.name() +
                                 ": connection closed");
}

/// What a URL asks for; if it is none, ends the program.
inline Request parse(std::string url, const arguments::Usage &usage) {
    const std::string wrong = "the URL must be http://HOST[:PORT][/PATH], not '" + url + "'";
    const bool plain =
        std::all_of(url.begin(), url.end(), [](char c) { return c > ' ' && c <= '~'; });
    if (!plain || !url.starts_with("http://")) usage.error(wrong);
    url = url.substr(7, url.find('#') - 7);
    const std::size_t path = std::min(url.find_first_of("/?"), url.size());
    Request request = {url.substr(0, path), usage.program.port, url.substr(path)};
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
    return request;
}
} // namespace http
