#!/bin/sh
# $1: `run`, or `check`, which only works out what the next run would take. $2: storekeeper's program. $3: a configuration in which this
# machine is the server `cache`. $4: where it says how it went. Collects by the retention policy of this server. Installed by storekeeper
# as a timer. What it takes is what `storekeeper gc SERVER --policy --dry-run` lists; each run that takes something has a record in the
# audit log, with the reason `timer`.
set -u
umask 022
LC_ALL=C
PATH=${PATH:+$PATH:}/run/current-system/sw/bin:/nix/var/nix/profiles/default/bin:/root/.nix-profile/bin:/usr/local/bin:/usr/bin:/bin
# Of a service nobody has set it, and what is kept of the store on this machine is there.
HOME=${HOME:-/root}
export PATH LC_ALL HOME
program=$2
config=$3
state=$4
work=$(mktemp -d) || exit 73
trap 'rm -rf "$work"' EXIT
child=
stopped=
# Stopped, the program ends after the batch that it is at, and writes its record; none is started any more.
trap 'stopped=yes; if [ -n "$child" ]; then kill -TERM "$child"; fi' HUP INT TERM

# Runs the program, and waits for its end, however often a signal ends the wait. Sets `code`.
asked() {
    code=130
    : >"$work/out"
    if [ -n "$stopped" ]; then return; fi
    "$program" "$@" --quiet --config "$config" >"$work/out" 2>>"$work/err" </dev/null &
    child=$!
    while :; do
        wait "$child"
        code=$?
        kill -0 "$child" 2>/dev/null || break
    done
    child=
}
# The last line of what it complained of, or nothing.
problem() {
    if [ "$code" = 0 ]; then return 0; fi
    said=$(grep . "$work/err" | tail -n 1 | tr -d '\000-\037\177' | cut -c 1-300)
    said=${said#storekeeper: }
    printf '%s' "${said:-$program ended with exit status $code}"
}
# A number of the receipt.
number() { sed -n "s/.*\"receipt\":{[^}]*\"$1\":\([0-9][0-9]*\).*/\1/p" "$work/out"; }
tell() {
    printf 'at %s\ncode %s\nproblem %s\npaths %s\nfreed %s\n' "$1" "$code" "$2" "$3" "$4" >"$state.new" && mv -f "$state.new" "$state" || exit 74
}

: >"$work/err"
if [ "$1" = check ]; then
    asked gc cache --policy --dry-run
    problem >&2
    # It has not run yet, which is known from now on.
    if [ "$code" = 0 ] && ! [ -e "$state" ]; then tell '' '' 0 0; fi
    exit "$code"
fi
# Revisions of pins whose time is over keep nothing any more.
asked unpin cache --revisions --yes --reason timer
first=$code
why=$(problem)
asked gc cache --policy --yes --reason timer --json
taken=$(number "done")
freed=$(number freed)
if [ "$code" != 0 ]; then
    why=$(problem)
elif [ "$first" != 0 ]; then
    code=$first
fi
tell "$(date +%s)" "$why" "${taken:-0}" "${freed:-0}"
if [ -n "$why" ]; then printf '%s\n' "$why" >&2; fi
exit "$code"
