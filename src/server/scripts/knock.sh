#!/bin/sh
# storekeeper's knock: sshd runs it for each key that no file of the user has, as AuthorizedKeysCommand with `%u %t %k %f`.
# $1: the user. $2: the key's type. $3: the key in base64. $4: its fingerprint. $5: the folder of requests, by default
# /var/lib/storekeeper/requests. It notes the key as a request for an administrator to decide on. It prints nothing, so
# it lets nobody in, and it never fails. A key that is known already costs no further process.
exec >/dev/null 2>&1 </dev/null
LC_ALL=C
umask 077
queue=${5:-/var/lib/storekeeper/requests}

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
cd "$queue/waiting" || exit 0

# A denied key is not asked about again.
if [ -e "../denied/$file" ]; then exit 0; fi

# Known already: one more empty line behind the JSON is one more try.
if [ -e "$file" ]; then
    tries=0
    while [ $tries -lt 1000 ] && IFS= read -r line; do tries=$((tries + 1)); done <"$file"
    if [ $tries -lt 1000 ]; then echo >>"$file"; fi
    exit 0
fi

# A full queue takes nothing more until somebody has decided: what is in it is not pushed out by a flood.
set -- "$1" "$2" "$3" *
if [ $# -ge 259 ]; then exit 0; fi
now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
case $now in ????-??-??T??:??:??Z) now="\"$now\"" ;; *) now=null ;; esac
# What makes this request's challenge its own; it can do without one.
nonce=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
printf '{"schema":1,"type":"%s","key":"%s","source":"knock","user":"%s","firstSeen":%s,"tries":1,"nonce":"%s"}\n' \
    "$2" "$3" "$1" "$now" "$nonce" >"new-$print" && mv -f "new-$print" "$file" || rm -f "new-$print"
exit 0
