#!/bin/sh
# all.sh RUNNER [LAB]: runs all tests, in parts, several at a time, as most of them wait most of the time. A
# part has the tests of one exercise: of a tag for which there is a directory with programs (zens, framing), or a
# program of asyncio/ (tacb).
# The tests of servers that fork are a part of their own, and what is in no other part is in `rest`. Then
# the tests of the headers of asyncio/, and LAB, which checks LAB.md and needs the programs' usual ports.
# Ends with one line, "N passed, N failed", and status 1 if a part failed. EXCEPT='~[grade]' leaves out tests
# of the rest, PARTS='mzts rest' runs those parts alone, without the headers of asyncio/.
runner=$1
lab=${2-:}
library=:
[ "${PARTS+chosen}" ] || library=$(dirname "$runner")/asyncio/run
at_once=8
logs=$(mktemp -d) || exit 1
trap 'rm -rf "$logs"' EXIT

exercises=
for tag in $("$runner" --list-tags | sed -n 's/^ *[0-9]* *\[\([a-z]*\)\]$/\1/p'); do
    [ "$tag" = asyncio ] && continue # its programs are a part each
    ls "$tag"/*.cpp "asyncio/$tag.cpp" 2>/dev/null | grep -q . && exercises="$exercises $tag"
done

# Prints a line for each part: its name, and the tests it has.
parts() {
    others=
    for name in $exercises; do others="$others~[$name]"; done
    echo "rest ${others:-*}$EXCEPT"
    echo "fork [fork]"
    seen="~[fork]" # a test of two exercises is in the part of the first
    for name in $exercises; do
        echo "$name [$name]$seen"
        seen="$seen~[$name]"
    done
}

parts | while read -r name tests; do
    case " ${PARTS-$name} " in *" $name "*) echo "$name $tests" ;; esac
done >"$logs/parts"
xargs -P "$at_once" -L 1 sh -c '"$0" "$3" >"$1/$2.log" 2>&1; echo $? >"$1/$2.status"' \
    "$runner" "$logs" <"$logs/parts"
"$library" >"$logs/library.log" 2>&1
echo $? >"$logs/library.status"
"$lab" >"$logs/lab.log" 2>&1
echo $? >"$logs/lab.status"

for name in $(cut -d ' ' -f 1 "$logs/parts") library lab; do cat "$logs/$name.log"; done | awk '
    /^[0-9]+ passed, [0-9]+ failed$/ { passed += $1; failed += $3; next }
    { print }
    END { printf "%d passed, %d failed\n", passed, failed }'
for name in $(cut -d ' ' -f 1 "$logs/parts") library lab; do
    [ "$(cat "$logs/$name.status")" = 0 ] || exit 1
done
