// Catch2, version 2.13 (Debian 12, Ubuntu 22.04) or 3 (Debian 13, Ubuntu 24.04). Only this file
// knows the difference.
#ifndef ZEN_TESTS_CATCH_H
#define ZEN_TESTS_CATCH_H

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using CatchListener = Catch::EventListenerBase;
#elif __has_include(<catch2/catch.hpp>)
#define CATCH_CONFIG_EXTERNAL_INTERFACES
#include <catch2/catch.hpp>
using CatchListener = Catch::TestEventListenerBase;
#else
#error "The tests need Catch2: apt-get install catch2"
#endif

#endif
