#!/bin/sh
# diff.sh A-B: what differs in two programs of the kit, without the comment at their head and the table
# `Program`, which differ in every program. In colour on a terminal; side by side where SIDE=1 says so, or
# where the terminal has 160 columns. Status 0 whether they differ or not, 2 if there is no such program.

source_of() {
    for file in "$1/$1.cpp" "framing/$1.cpp" "asyncio/$1.cpp"; do
        [ -f "$file" ] && echo "$file" && return
    done
    echo "diff: there is no program $1" >&2
    return 2
}

code_of() {
    awk 'in_code == 0 && (/^\/\// || /^$/) { next }
         { in_code = 1 }
         /^constexpr zen::Program / { in_table = 1 }
         in_table { if (/};/) in_table = 0; next }
         { print }' "$1"
}

case $1 in *?-?*) ;; *)
    echo "diff: two programs, as in make diff-zens-mzts" >&2
    exit 2
    ;;
esac
one=$(source_of "${1%%-*}") && other=$(source_of "${1#*-}") || exit 2
texts=$(mktemp -d) || exit 2
trap 'rm -rf "$texts"' EXIT
code_of "$one" >"$texts/one"
code_of "$other" >"$texts/other"

colour=0
[ -t 1 ] && colour=1
columns=$(tput cols 2>/dev/null) || columns=80
[ -n "$SIDE" ] || [ $colour = 0 ] || [ "$columns" -lt 160 ] || SIDE=1
if [ "${SIDE:-0}" = 0 ]; then
    diff -U 3 -p -L "$one" -L "$other" "$texts/one" "$texts/other"
else
    [ $colour = 1 ] || columns=200
    printf '%s    |    %s\n' "$one" "$other"
    diff -y -t -W "$columns" "$texts/one" "$texts/other"
fi | awk -v colour=$colour -v side="${SIDE:-0}" -v columns="$columns" '
    BEGIN { # where diff -y has its sign
        right = int((columns + 4) / 2)
        left = right - 3 < columns - right ? right - 3 : columns - right
        place = int((left + right - 1) / 2) + 1
        removed = "<"; added = ">"; changed = "|"
        if (!side) { place = 1; removed = "-"; added = "+"; changed = "@" }
    }
    # The numbers of lines are those of no file, but the name of the function tells the place.
    !side && /^@@ / { sub(/^@@ [^@]* @@/, "@@") }
    {
        sign = substr($0, place, 1)
        code = sign == removed ? 31 : sign == added ? 32 : sign == changed ? 36 : 0
        if (colour && code) printf "\033[%dm%s\033[0m\n", code, $0
        else print
    }'
