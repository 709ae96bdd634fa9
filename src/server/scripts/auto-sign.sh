#!/bin/sh
# $1: the rules, a file of lines: `store`, `key`, `log`, `append`, `days`, `sshd-log`, and any number of `trust`, `name`, `never` and
# `uploader`, each with its value behind a blank. $2: the nix command, `nix` by default. Signs what was uploaded within so many days,
# clients refuse and a rule names, with all that it needs: each path of that has to be accepted by clients already, or to be named by a
# rule too; and none may have a name that is forbidden. Where there are uploaders, fingerprints of ssh keys, sshd's log has to tell that
# all sessions at the time of the upload were by these: who of several it was is written down nowhere. Installed by storekeeper as a timer. What it leaves, and why, is in auto-sign.state beside the
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
value uploader >"$work/uploaders"
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

# Sessions as sshd's log has them, a line each: from, to, and the fingerprint; before them when the log begins. Only lines with a whole
# time count: seconds since 1970, or RFC 3339.
sessions() {
    file=$(value sshd-log)
    if [ -n "$file" ]; then cat "$file"; else journalctl -q -o short-unix -t sshd -t sshd-session --since "-$((days + 2))d"; fi 2>/dev/null |
        awk -v now="$now" '
            function day(y, m, d) {
                if (m <= 2) y--
                return int(y / 400) * 146097 + (y % 400) * 365 + int(y % 400 / 4) - int(y % 400 / 100) + int((153 * (m + (m > 2 ? -3 : 9)) + 2) / 5) + d - 1 - 719468
            }
            function seconds(text, zone) {
                if (text ~ /^[0-9]+([.][0-9]+)?$/ && length(text) > 8) return int(text)
                if (text !~ /^[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]([.][0-9]+)?(Z|[+-][0-9][0-9]:?[0-9][0-9])$/) return -1
                zone = 0
                if (match(text, /[+-][0-9][0-9]:?[0-9][0-9]$/)) {
                    zone = substr(text, RSTART + 1, 2) * 3600 + substr(text, length(text) - 1) * 60
                    if (substr(text, RSTART, 1) == "-") zone = -zone
                }
                return day(substr(text, 1, 4) + 0, substr(text, 6, 2) + 0, substr(text, 9, 2) + 0) * 86400 + substr(text, 12, 2) * 3600 + substr(text, 15, 2) * 60 + substr(text, 18, 2) - zone
            }
            # What sshd says itself stands first. Behind it are names that whoever connects has chosen, which may say anything.
            function is_peer(address, word, port) {
                peer = address " " port
                return word == "port" && address ~ /^[0-9a-fA-F.:]+$/ && port ~ /^[0-9]+$/
            }
            !match($0, /^[^ ]+ [^ ]+ sshd(-session)?\[[0-9]+\]: /) { next }
            {
                n = split(substr($0, RLENGTH + 1), word, " ")
                at = seconds($1)
                if (at < 0) next
                if (first == "") { first = at; print "begins", at }
                what = word[1] " " word[2]
            }
            word[1] == "Accepted" && word[3] == "for" && word[5] == "from" && is_peer(word[6], word[7], word[8]) {
                open[peer] = at
                by[peer] = word[2] == "publickey" && word[11] ~ /^SHA256:/ ? word[11] : "other"
                next
            }
            what == "Received disconnect" && word[3] == "from" {
                sub(/:.*/, "", word[6])
                if (is_peer(word[4], word[5], word[6])) ended()
            }
            what == "Disconnected from" && n == 5 && is_peer(word[3], word[4], word[5]) { ended() }
            what == "Disconnected from" && n == 7 && word[3] == "user" && is_peer(word[5], word[6], word[7]) { ended() }
            (what == "Connection closed" || what == "Connection reset") && word[3] == "by" {
                if (n == 6 && is_peer(word[4], word[5], word[6])) ended()
                if (n == 8 && word[4] == "user" && is_peer(word[6], word[7], word[8])) ended()
            }
            function ended() {
                if (peer in open) print open[peer], at, by[peer]
                delete open[peer]
            }
            END { for (peer in open) print open[peer], now, by[peer] }'
}
if [ -s "$work/uploaders" ]; then sessions >"$work/sessions"; fi

# Of base names on standard input, those that were uploaded by the chosen keys, by the time of registration that Nix has.
uploaded() {
    if ! [ -s "$work/uploaders" ]; then
        cat
        return
    fi
    # Newer versions of Nix want the form of the JSON to be named, and older ones do not know that option.
    form=
    for number in 1 2 3; do
        said=$("$nix" --extra-experimental-features nix-command path-info --json --json-format "$number" /nix/store/none </dev/null 2>&1)
        case $said in
        *unrecogni[sz]ed*) break ;;
        *json-format*) ;;
        *) form="--json-format $number" && break ;;
        esac
    done
    # shellcheck disable=SC2086 # The option is two words, or none.
    sed 's|^|/nix/store/|' | xargs -n 200 "$nix" --extra-experimental-features nix-command --option substitute false path-info --json $form 2>/dev/null |
        tr '{' '\n' | awk '
            of == "keys" { chosen[$1] = 1; next }
            of == "log" && $1 == "begins" { begins = $2; next }
            of == "log" { n++; from[n] = $1; to[n] = $2; by[n] = $3; next }
            { registered = "" }
            match($0, /"path":"\/nix\/store\/[^"]*"/) { path = substr($0, RSTART + 19, RLENGTH - 20) }
            match($0, /"registrationTime":[0-9]+/) { registered = substr($0, RSTART + 19, RLENGTH - 19) }
            registered != "" {
                others = begins == "" || registered + 0 < begins + 0
                these = 0
                for (i = 1; i <= n; i++)
                    if (from[i] <= registered + 0 && registered + 0 <= to[i]) {
                        if (by[i] in chosen) these++; else others++
                    }
                if (these && !others && path != "") print path
                path = ""
            }
            match($0, /"(\/nix\/store\/)?[0-9a-z]+-[^"\/]*":$/) {
                path = substr($0, RSTART + 1, RLENGTH - 3)
                sub(/^\/nix\/store\//, "", path)
            }' of=keys "$work/uploaders" of=log "$work/sessions" of=paths -
}

# Of base names on standard input, those that the rules name, and none forbidden.
named() {
    if [ -s "$work/name" ]; then grep -E -f "$work/name"; fi | if [ -s "$work/never" ]; then grep -Ev -f "$work/never"; else cat; fi
}
named <"$work/untrusted" | sort >"$work/called"
uploaded <"$work/called" | sort >"$work/named"
first "$work/called" "$work/named" | sed 's/$/ uploader -/' >>"$work/waiting"
first "$work/untrusted" "$work/called" | while IFS= read -r path; do
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
    named <"$work/needed" | uploaded | sort >"$work/vouched"
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
