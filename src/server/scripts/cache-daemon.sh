# $1: the nix command. $2: the cache user.
# Says whether Nix's daemon answers where a session of the cache user looks for it: `needed`, `socket`, and `answer` or `why`.
nix=$1
user=$2
echo storekeeper-answer
say() { printf '%s=%s\n' "$1" "$2"; }
have() { command -v "$1" >/dev/null 2>&1; }
last_line() { printf '%s\n' "$1" | tr -d '\r' | sed '/^[[:space:]]*$/d' | tail -n 1; }
briefly=
if timeout 9 true 2>/dev/null; then briefly='timeout 20'; fi

# What sshd sets for a session. Quotes are those of newer releases.
session=
if [ -n "$sshd" ] && settings_for "$user"; then
    keyword setenv
    session=$(printf '%s\n' "$value" | tr -d '"' | tr ' ' '\n')
fi
# $1: a variable.
variable() { printf '%s\n' "$session" | sed -n "s/^$1=//p" | head -n 1; }

socket=$(variable NIX_DAEMON_SOCKET_PATH)
socket=${socket:-/nix/var/nix/daemon-socket/socket}
case $(variable NIX_REMOTE) in
'' | auto)
    # Nix opens the store itself where it may write its state folder.
    id=$(id -u "$user" 2>/dev/null)
    owner=$(stat -c %u /nix/var/nix 2>/dev/null)
    if [ "$id" = 0 ] || { [ -n "$id" ] && [ "$id" = "$owner" ]; }; then
        say needed no
        echo end=
        exit 0
    fi
    ;;
daemon) ;;
unix://*)
    socket=$(variable NIX_REMOTE)
    socket=${socket#unix://}
    socket=${socket%%'?'*}
    ;;
*)
    say needed no
    echo end=
    exit 0
    ;;
esac
say needed yes
say socket "$socket"
if ! [ -S "$socket" ]; then
    folder=${socket%/*}
    while [ -n "$folder" ] && ! [ -e "$folder" ]; do folder=${folder%/*}; done
    if [ -d "${folder:-/}" ] && ! [ -x "${folder:-/}" ]; then
        say why "the folder $folder can't be entered"
    else
        say answer no
        say said "there is no socket"
    fi
elif ! have "$nix"; then
    say why "there is no nix command to ask it with"
else
    # shellcheck disable=SC2086
    ask() { said=$($briefly "$nix" --extra-experimental-features nix-command store "$1" --store "unix://$socket" 2>&1); }
    if ask ping; then
        say answer yes
    else
        first=$said
        # A release that does not know the old word says only that.
        case $first in *ecogni[sz]ed*) if ask info; then first=; else first=$said; fi ;; esac
        if [ -z "$first" ]; then say answer yes; else say answer no; fi
        say said "$(last_line "$first")"
    fi
fi
echo end=
