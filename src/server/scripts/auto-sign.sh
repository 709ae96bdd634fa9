#!/bin/sh
# $1: the rules, a file of lines: `store`, `key`, `log`, `append`, `days`, and any number of `trust`, `name` and `never`, each with its
# value behind a blank. $2: the nix command, `nix` by default. Signs what was uploaded within so many days, clients refuse and a rule
# names, with all that it needs: each path of that has to be accepted by clients already, or to be named by a rule too; and none may
# have a name that is forbidden. Installed by storekeeper as a timer. What it leaves, and why, is in auto-sign.state beside the
# audit log, which has a record of each run that has signed something.
set -uf
umask 022
LC_ALL=C
PATH=${PATH:+$PATH:}/run/current-system/sw/bin:/nix/var/nix/profiles/default/bin:/root/.nix-profile/bin:/usr/local/bin:/usr/bin:/bin
export PATH LC_ALL
rules=$1
nix=${2:-nix}
of_store=${nix%nix}nix-store
me=$(stat -L -c %u /proc/self)
case $(stat -L -c '%u %A' "$rules") in
"$me -r"???-??-?) ;;
*) echo "$rules has to be a file that only this user may write" >&2; exit 77 ;;
esac
value() { sed -n "s/^$1 //p" "$rules"; }
store=$(value store)
key=$(value key)
log=$(value log)
days=$(value days)
case $days in '' | *[!0-9]*) echo "$rules names no number of days" >&2; exit 64 ;; esac
trusted=$(value trust | tr '\n' ' ')
state=${log%/*}/auto-sign.state
now=$(date +%s)
started=$now
work=$(mktemp -d) || exit 73
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
for file in waiting signed; do : >"$work/$file"; done

# Each run says how it went. $1: what is wrong, or nothing.
tell() {
    {
        printf 'at %s\nproblem %s\nsigned %s\nwaiting %s\n' "$now" "$1" "$(wc -l <"$work/signed")" "$(wc -l <"$work/waiting")"
        head -n 1000 "$work/waiting" | sed 's/^/wait /'
    } >"$state.new" && mv -f "$state.new" "$state" || exit 74
}
stop() {
    tell "$1"
    echo "$1" >&2
    exit 1
}
modern() { "$nix" --extra-experimental-features nix-command --option substitute false "$@"; }

public=$(modern key convert-secret-to-public <"$key" 2>/dev/null)
name=${public%%:*}
case $name in '' | *[!0-9A-Za-z._-]*) stop "the key file $key can't be used" ;; esac
# What this key signs is accepted, or it would be of no use.
trusted="$trusted$public"
if ! [ -r "$store" ] || ! [ -x "$store" ]; then stop "$store can't be read"; fi

# Patterns become expressions over base names.
expressions() { value "$1" | sed 's/[.+]/\\&/g; s/[*]/.*/g; s/[?]/./g; s/^/^[0-9a-z]{32}-/; s/$/$/'; }
expressions name >"$work/name"
expressions never >"$work/never"
# What is in both of two sorted lists; what is in the first alone.
both() { comm -12 "$1" "$2"; }
first() { comm -23 "$1" "$2"; }

# Of base names on standard input, those that clients refuse, by Nix's own rule. Its words for one that it can't judge count as well.
refused() {
    sed 's|^|/nix/store/|' | xargs -n 200 sh -c '
        nix=$1
        trusted=$2
        shift 2
        if [ $# = 0 ]; then exit 0; fi
        verify() {
            "$nix" --extra-experimental-features nix-command --option substitute false --option secret-key-files "" \
                --option trusted-public-keys "$trusted" store verify --no-contents --sigs-needed 1 "$@" </dev/null 2>&1
        }
        said=$(verify "$@")
        case $? in
        0 | 2) printf "%s\n" "$said" ;;
        # It has given up on one without naming it: each by itself, and what is not called good is refused.
        *) for path in "$@"; do verify "$path" >/dev/null || printf "path %s is untrusted\n" "$path"; done ;;
        esac' sh "$nix" "$trusted" | sed -n "s|.*path '\{0,1\}/nix/store/\([0-9A-Za-z+._?=-]*\)'\{0,1\} is untrusted.*|\1|p" | sort -u
}
# Of base names on standard input, those of valid paths, sorted.
valid() {
    sort -u >"$work/all"
    sed 's|^|/nix/store/|' "$work/all" | xargs -n 200 "$of_store" --check-validity --print-invalid 2>/dev/null |
        sed 's|^/nix/store/||' | sort -u >"$work/invalid"
    first "$work/all" "$work/invalid"
}

find "$store/." -mindepth 1 -maxdepth 1 ! -name '*[!0-9A-Za-z+._?=-]*' ! -name '.*' ! -name '*.lock' ! -name '*.chroot' \
    -ctime "-$((days + 1))" 2>/dev/null | sed -n 's|^.*/\([0-9abcdfghijklmnpqrsvwxyz]\{32\}-.*\)$|\1|p' | valid >"$work/fresh"
refused <"$work/fresh" >"$work/untrusted"

# Of base names on standard input, those that the rules name, and none forbidden.
named() {
    if [ -s "$work/name" ]; then grep -E -f "$work/name"; fi | if [ -s "$work/never" ]; then grep -Ev -f "$work/never"; else cat; fi
}
named <"$work/untrusted" | sort >"$work/named"
first "$work/untrusted" "$work/named" | while IFS= read -r path; do
    if [ -s "$work/never" ] && printf '%s\n' "$path" | grep -Eq -f "$work/never"; then
        echo "$path never -"
    else
        echo "$path name -"
    fi
done >>"$work/waiting"

# With all that it needs, or not at all.
: >"$work/sign"
while IFS= read -r path; do
    if ! "$of_store" -qR "/nix/store/$path" </dev/null 2>/dev/null | sed 's|^/nix/store/||' | sort >"$work/closure" ||
        ! [ -s "$work/closure" ]; then
        echo "$path gone -" >>"$work/waiting"
        continue
    fi
    forbidden=
    if [ -s "$work/never" ]; then forbidden=$(grep -E -m 1 -f "$work/never" "$work/closure"); fi
    if [ -n "$forbidden" ]; then
        echo "$path never $forbidden" >>"$work/waiting"
        continue
    fi
    refused <"$work/closure" >"$work/needed"
    named <"$work/needed" | sort >"$work/vouched"
    lacking=$(first "$work/needed" "$work/vouched" | head -n 1)
    if [ -n "$lacking" ]; then
        echo "$path needs $lacking" >>"$work/waiting"
    else
        cat "$work/vouched" >>"$work/sign"
    fi
done <"$work/named"
sort -u -o "$work/sign" "$work/sign"

if [ -s "$work/sign" ]; then
    problem=
    sed 's|^|/nix/store/|' "$work/sign" | xargs -n 200 "$nix" --extra-experimental-features nix-command --option substitute false \
        store sign --key-file "$key" >/dev/null 2>"$work/said" || problem=$(tail -n 1 "$work/said" | tr -c '[:print:]\n' ' ' | cut -c 1-300)
    # What counts is what clients make of it now.
    refused <"$work/sign" >"$work/still"
    first "$work/sign" "$work/still" >"$work/signed"
    sed 's/$/ bad -/' "$work/still" >>"$work/waiting"
else
    problem=
fi
sort -u -o "$work/waiting" "$work/waiting"

count=$(wc -l <"$work/signed")
if [ "$count" -gt 0 ]; then
    case $((count)) in 1) paths='1 path' ;; *) paths="$((count)) paths" ;; esac
    id=$(head -c 4 /dev/urandom | od -An -tx1 | tr -d ' \n')
    host=$(uname -n | tr -cd '0-9A-Za-z.-')
    items=$(head -n 1000 "$work/signed" | sed 's|.*|"/nix/store/&"|' | tr '\n' ',')
    record="\"id\":\"$id\",\"at\":\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\",\"by\":\"auto-sign on $host\",\"server\":\"$host\",\"change\":\"auto-sign\",\"summary\":\"sign $paths with $name by the rules of auto-sign\",\"items\":[${items%,}],\"itemsTotal\":$((count)),\"reason\":null,\"result\":\"done\",\"done\":$((count)),\"failed\":[],\"failedTotal\":0,\"seconds\":$(($(date +%s) - started)).0}"
    printf '%s' "$record" | sh "$(value append)" "$log" "$id" own 33554432 >/dev/null 2>"$work/said" ||
        problem="the audit log has no record of this run: $(tail -n 1 "$work/said" | tr -c '[:print:]\n' ' ' | cut -c 1-300)"
fi
tell "$problem"
[ -z "$problem" ]
