#!/bin/sh
# storekeeper's knock: sshd runs it for each key that no file of the user has, as AuthorizedKeysCommand with `%u %t %k %f`.
# $1: the user. $2: the key's type. $3: the key in base64. $4: its fingerprint. $5: the folder of requests, by default
# /var/lib/storekeeper/requests. $6: `%C`, the connection, from OpenSSH 9.4 on. It notes the key as a request for an
# administrator to decide on. It prints nothing, so it authorizes nobody, and it never fails. A key that is known already
# costs no further process.
exec >/dev/null 2>&1 </dev/null
LC_ALL=C
# sshd's own PATH has no programs on NixOS.
PATH=${PATH:-/usr/bin:/bin}:/run/current-system/sw/bin
umask 077
queue=${5:-/var/lib/storekeeper/requests}

# Requests that wait at most, the oldest of them that only their own address can push out, those of one address, those of one
# connection, and how many an address may have before it counts as loud.
most=256
kept=64
of_address=32
of_connection=8
loud=4

# Only what is a key; certificates are decided on by their authority.
case $1 in '' | *[!A-Za-z0-9_.@-]*) exit 0 ;; esac
case $2 in '' | *-cert-* | *[!a-z0-9.@-]*) exit 0 ;; esac
case $3 in AAAA*) ;; *) exit 0 ;; esac
case $3 in *[!A-Za-z0-9+/=]*) exit 0 ;; esac
case $4 in SHA256:*) ;; *) exit 0 ;; esac
print=${4#SHA256:}
case $print in *[!A-Za-z0-9+/]*) exit 0 ;; esac
[ ${#1} -le 64 ] && [ ${#2} -le 64 ] && [ ${#3} -le 6000 ] && [ ${#print} = 43 ] || exit 0

# A file's name has no slash.
while :; do
    case $print in
    */*) print=${print%%/*}_${print#*/} ;;
    *+*) print=${print%%+*}-${print#*+} ;;
    *) break ;;
    esac
done
file=key-$print.json
user=$1
type=$2
key=$3
cd "$queue/waiting" || exit 0

# A denied key is not asked about again.
if [ -e "../denied/$file" ]; then exit 0; fi

# Known already: one more empty line behind the JSON is one more try.
if_known() {
    [ -e "$file" ] || return 0
    tries=0
    while [ $tries -lt 1000 ] && IFS= read -r line; do tries=$((tries + 1)); done <"$file"
    if [ $tries -lt 1000 ]; then echo >>"$file"; fi
    exit 0
}
if_known

# Whom it comes from: the two addresses of the connection without the ports. Which is the client's does not matter: the
# server's is the same for all. (sshd's manual has the client's first, its code the server's.) Where sshd does not say, it is
# the process above that serves one connection, by its number and when it began.
set -f
# shellcheck disable=SC2086
set -- ${6-}
origin=
if [ $# = 4 ]; then
    origin="${1%%"%"*} ${3%%"%"*}"
    case $origin in *[!0-9A-Fa-f:.\ ]*) origin= ;; esac
fi
if [ -n "$origin" ] && [ ${#origin} -le 100 ]; then
    origin="address $origin"
    of_one=$of_address
else
    line=
    IFS= read -r line <"/proc/$PPID/stat"
    # shellcheck disable=SC2086
    set -- ${line##*) }
    began=${20-}
    case $began in '' | *[!0-9]*) began=0 ;; esac
    origin="connection $PPID.$began"
    of_one=$of_connection
fi

# shellcheck disable=SC2046
set -- $(date -u '+%Y-%m-%dT%H:%M:%SZ %s')
set +f
now=null
case ${1-} in ????-??-??T??:??:??Z) now="\"$1\"" ;; esac
seconds=${2-}
case $seconds in '' | 0* | *[!0-9]*) seconds= ;; esac

# $1: a number that this script may have written.
is_number() {
    case $1 in '' | 0* | *[!0-9]*) return 1 ;; esac
    [ ${#1} -le 11 ]
}

# $1: how many requests more were dropped. How many, since when and when last are kept, until none was for a week.
dropped() {
    [ -n "$seconds" ] || return 0
    count=
    since=
    last=
    if [ -f dropped ]; then read -r count since last <dropped; fi
    if is_number "$count" && is_number "$since" && is_number "$last" && [ $((seconds - last)) -lt 604800 ]; then
        count=$((count + $1))
        if [ "$count" -gt 999999999 ]; then count=999999999; fi
    else
        count=$1
        since=$seconds
    fi
    printf '%s %s %s\n' "$count" "$since" "$seconds" >new-dropped && mv -f new-dropped dropped || rm -f new-dropped
}

# One at a time, and nothing is dropped while an administrator decides: access-mark.sh has the same lock. It does not run
# where there is no flock.
locked=
if ! command -v flock; then
    locked=yes
elif [ -r . ]; then
    exec 9<.
    if flock -w 1 9 || flock -n 9; then locked=yes; fi
fi
if_known

# What is root's an administrator has written, such as a request with a proof: it takes no room here and is never dropped.
own=
waiting=0
for name in key-*.json; do
    case $name in *[!A-Za-z0-9._-]*) continue ;; esac
    if [ -O "$name" ] && [ -f "$name" ]; then
        own="$own $name"
        waiting=$((waiting + 1))
    fi
done

# Which to drop for this one. An address or a connection that has its share loses its own oldest. In a full queue it is the
# oldest of the loudest address. Where no address is loud, or none is known, requests that came together are taken for one
# source: the oldest of the fullest hour, in that of the fullest minute, in that of the connection with most keys.
# The oldest of the queue are then left alone.
to_drop() {
    # shellcheck disable=SC2086
    awk -v most=$most -v kept=$kept -v of_one=$of_one -v loud=$loud -v origin="$origin" '
    # The first 64 bits of an IPv6 address belong to one site.
    function site(address, parts, before, after, head, tail, all, i) {
        if (address !~ /:/) return address
        i = index(address, "::")
        if (i == 0) { split(address, all, ":") } else {
            before = split(substr(address, 1, i - 1), head, ":")
            after = split(substr(address, i + 2), tail, ":")
            for (parts = 1; parts <= 4; parts++)
                all[parts] = parts <= before ? head[parts] : parts <= 8 - after ? "0" : tail[parts - 8 + after]
        }
        return all[1] ":" all[2] ":" all[3] ":" all[4]
    }
    function source(text, words) {
        if (split(text, words, " ") == 3 && words[1] == "address") return "address " site(words[2]) " " site(words[3])
        return text
    }
    function value(line, name, at) {
        at = index(line, "\"" name "\":\"")
        if (at == 0) return ""
        line = substr(line, at + length(name) + 4)
        at = index(line, "\"")
        return at > 0 && at < 120 ? substr(line, 1, at - 1) : ""
    }
    function drop(i) {
        print names[i]
        by[sources[i]]--; hours[hour[i]]--; minutes[minute[i]]--; left--
        names[i] = ""
    }
    BEGIN {
        for (a = 1; a < ARGC; a++) {
            line = ""
            if ((getline line < ARGV[a]) < 0) continue
            close(ARGV[a])
            left++
            sorted[left] = value(line, "firstSeen") " " ARGV[a]
            origins[ARGV[a]] = value(line, "origin")
        }
        # The oldest first; a Shell sort.
        all = left
        for (gap = int(all / 2); gap > 0; gap = gap == 2 ? 1 : int(gap / 2.2))
            for (a = gap + 1; a <= all; a++) {
                moved = sorted[a]
                for (i = a - gap; i > 0 && sorted[i] > moved; i -= gap) sorted[i + gap] = sorted[i]
                sorted[i + gap] = moved
            }
        for (i = 1; i <= all; i++) {
            hour[i] = substr(sorted[i], 1, 13); minute[i] = substr(sorted[i], 1, 16)
            names[i] = substr(sorted[i], index(sorted[i], " ") + 1)
            sources[i] = source(origins[names[i]])
            if (sources[i] == "") sources[i] = names[i]
            by[sources[i]]++; hours[hour[i]]++; minutes[minute[i]]++
        }
        mine = source(origin)
        for (i = 1; i <= all && by[mine] >= of_one; i++) if (sources[i] == mine) drop(i)
        while (left >= most) {
            worst = 0
            for (i = 1; i <= all; i++)
                if (names[i] != "" && sources[i] ~ /^address / && by[sources[i]] > loud &&
                    (worst == 0 || by[sources[i]] > by[sources[worst]])) worst = i
            if (worst == 0) for (i = kept + 1; i <= all; i++) {
                if (names[i] == "") continue
                if (worst > 0) {
                    more = hours[hour[i]] - hours[hour[worst]]
                    if (more == 0) more = minutes[minute[i]] - minutes[minute[worst]]
                    if (more == 0) more = by[sources[i]] - by[sources[worst]]
                    if (more <= 0) continue
                }
                worst = i
            }
            if (worst == 0) break
            drop(worst)
        }
    }' $own
}
gone=0
if [ -n "$locked" ] && [ $waiting -ge $of_connection ]; then
    for name in $(to_drop); do
        if [ -O "$name" ] && rm -f "$name"; then gone=$((gone + 1)); fi
    done
    # Left by calls that were killed.
    set -- new-*
    if [ $# -gt 64 ]; then rm -f new-*; fi
fi
# Without the lock, or without awk, a few more than that are kept, and then none.
if [ $((waiting - gone)) -ge $((most + (${#locked} ? 0 : 64))) ]; then
    dropped $((gone + 1))
    exit 0
fi
if [ $gone -gt 0 ]; then dropped $gone; fi

# What makes this request's challenge its own; it can do without one.
# shellcheck disable=SC2046
set -- $(od -An -N16 -tx1 /dev/urandom)
IFS=
nonce="$*"
printf '{"schema":1,"type":"%s","key":"%s","source":"knock","user":"%s","firstSeen":%s,"tries":1,"nonce":"%s","origin":"%s"}\n' \
    "$type" "$key" "$user" "$now" "$nonce" "$origin" >"new-$print" && mv -f "new-$print" "$file" || rm -f "new-$print"
exit 0
