#!/bin/sh
# Checks that programs call only what POSIX.1-2008 has, so that they can be built on a Mac as well.
# What a program calls are its undefined symbols.
#
#     sh tests/posix.sh PROGRAM...        (make lint does it, for all programs but tae and uae)
#
# Exit status 1: a program calls something else, and the line says what. If POSIX.1-2008 has it after
# all (https://pubs.opengroup.org/onlinepubs/9699919799/), add it to the list.

posix='_exit accept bind close connect exit fcntl fork freeaddrinfo gai_strerror getaddrinfo
    getnameinfo getopt getrlimit getsockname kill listen memchr memcmp memcpy memmove memset open
    optarg optind optopt poll recv recvfrom select send sendto setenv setitimer setrlimit setsockopt shutdown
    sigaction signal socket strchr strerror strlen strtol waitpid write'
# No source calls these. Clang makes bcmp of memcmp, FD_SET checks by fdelt where it is fortified, and
# the hash tables of libc++ round by ceilf.
compilers='bcmp ceilf fdelt'

status=0
complain() {
    echo "$1" >&2
    status=1
}
for program in "$@"; do
    # The name is the last word, without its version: accept@GLIBC_2.2.5. The C library has other
    # names for some: __read_chk and __open_2 (fortified), __isoc23_strtol (of that C standard).
    calls=$(nm -u "$program" | awk '{ print $NF }' |
        sed -E 's/@.*//; s/^__(.+)_(chk|2)$/\1/; s/^__isoc[0-9]+_//' | sort -u)
    [ -n "$calls" ] || complain "$program: no undefined symbols, so nothing can be told"
    for call in $calls; do
        case " $(echo $posix) $compilers " in
        *" $call "*) continue ;;
        esac
        case $call in
        pthread_*_np) ;;            # "not portable"
        _* | pthread_*) continue ;; # of the C++ runtime, as _ZSt4cout, and of its threads
        esac
        complain "$program: uses $call, which is not in the list of POSIX functions (tests/posix.sh)"
    done
done
exit $status
