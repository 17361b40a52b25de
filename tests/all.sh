#!/bin/sh
# all.sh RUNNER [LAB]: runs all tests, in parts at the same time, as most of them wait most of the time. What
# is in no other part is in the last. Then LAB, which checks the handout and needs the programs' usual ports.
# Ends with one line, "N passed, N failed", and status 1 if a part failed. EXCEPT='~[grade]' leaves out tests,
# PARTS='3 5' runs those parts alone.
runner=$1
lab=${2-:}
logs=$(mktemp -d) || exit 1
trap 'rm -rf "$logs"' EXIT

part() {
    : >"$logs/$1"
    echo 0 >"$logs/$1.status"
    case " ${PARTS-1 2 3 4 5 6 7 8 9} " in *" $1 "*) ;; *) return ;; esac
    "$runner" "$2" >"$logs/$1" 2>&1
    echo $? >"$logs/$1.status"
}
part 1 '[zens],[zus]' &
part 2 '[zenc],[zuc]' &
part 3 '[mzts],[mzus]' &
part 4 '[sszt]~[fork],[sszu]~[fork]' &
part 5 '[fork]' &
part 6 '[tas],[tap],[tae]' &
part 7 '[uas],[uap],[uae]' &
part 8 '[framing]' &
part 9 '~[framing]~[zens]~[zus]~[zenc]~[zuc]~[mzts]~[mzus]~[sszt]~[sszu]~[tas]~[tap]~[tae]~[uas]~[uap]~[uae]'"$EXCEPT" &
wait
"$lab" >"$logs/10" 2>&1
echo $? >"$logs/10.status"

cat "$logs/1" "$logs/2" "$logs/3" "$logs/4" "$logs/5" "$logs/6" "$logs/7" "$logs/8" "$logs/9" "$logs/10" | awk '
    /^[0-9]+ passed, [0-9]+ failed$/ { passed += $1; failed += $3; next }
    { print }
    END { printf "%d passed, %d failed\n", passed, failed }'
for status in 1 2 3 4 5 6 7 8 9 10; do
    [ "$(cat "$logs/$status.status")" = 0 ] || exit 1
done
