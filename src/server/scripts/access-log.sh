# $1: the cache user. $2: sshd's log file, or nothing for the journal or the usual files.
# First the sessions of the cache user that are open now, then sshd's log after a line `end=`, with the newest entries kept.
user=$1
wanted=$2
most=8388608
echo storekeeper-answer
say() { printf '%s=%s\n' "$1" "$2"; }
have() { command -v "$1" >/dev/null 2>&1; }
slowly() { if have timeout; then timeout 30 "$@"; else "$@"; fi; }

say now "$(date +%s)"
say zone "$(date +%z)"
say ticks "$(getconf CLK_TCK 2>/dev/null)"
say boot "$(sed -n 's/^btime //p' /proc/stat 2>/dev/null)"

# A session is an sshd of root's with the user's name in its title, and a child that has let the client in: before
# that, the child's title ends in [net] or [preauth].
for folder in /proc/[0-9]*; do
    name=
    { IFS= read -r name <"$folder/comm"; } 2>/dev/null
    case $name in sshd | sshd-session) ;; *) continue ;; esac
    title=$(tr '\0' ' ' 2>/dev/null <"$folder/cmdline" | sed 's/^[^:]*: //; s/ *$//')
    above=
    uid=
    { while read -r key value rest; do
        case $key in PPid:) above=$value ;; Uid:) uid=$value ;; esac
    done <"$folder/status"; } 2>/dev/null
    case $title in
    # As OpenSSH 10.6 calls it, and as older ones do.
    "$user [postauth]" | "$user [priv]") kind=monitor ;;
    "$user" | "$user@"*) kind=child ;;
    *) continue ;;
    esac
    # Anybody may call a process sshd; what counts has root's sshd above it, and that is checked by what is reported.
    stat=
    { IFS= read -r stat <"$folder/stat"; } 2>/dev/null
    say "$kind" "${folder#/proc/} $above ${uid:-?} ${stat##*) }"
    if [ "$kind" = child ] && [ "$uid" != 0 ]; then continue; fi
    say program "$(readlink "$folder/exe" 2>/dev/null)"
    for inode in $(ls -l "$folder/fd" 2>/dev/null | sed -n 's/.*socket:\[\([0-9]*\)\]$/\1/p'); do say socket "$inode"; done
done
sed 's/^/tcp=/' /proc/net/tcp 2>/dev/null
sed 's/^/tcp6=/' /proc/net/tcp6 2>/dev/null

text() {
    if [ -r "$1.1" ]; then older=$1.1; else older=; fi
    say source "file $1"
    echo end=
    # shellcheck disable=SC2086
    slowly cat $older "$1" 2>/dev/null | tail -c 268435456 | grep -a sshd | tail -c $most
}

if [ -n "$wanted" ]; then
    if [ -r "$wanted" ]; then
        say source "file $wanted"
        echo end=
        tail -c $most "$wanted"
    else
        say log-why "the log $wanted is not there or can't be read"
        echo end=
    fi
    exit 0
fi
if have journalctl && [ -n "$(slowly journalctl -q -n 1 -o cat -t sshd -t sshd-session -t sshd-auth 2>/dev/null)" ]; then
    say source journal
    echo end=
    slowly journalctl -q -r -o json --output-fields=MESSAGE,SYSLOG_IDENTIFIER,SYSLOG_PID,_PID,_UID \
        -t sshd -t sshd-session -t sshd-auth 2>/dev/null | head -c $most | tac
    exit 0
fi
for file in /var/log/auth.log /var/log/secure; do
    if [ -r "$file" ]; then
        text "$file"
        exit 0
    fi
done
say log-why "neither the journal nor /var/log/auth.log has entries of sshd that can be read"
echo end=
