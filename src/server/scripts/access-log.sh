# $1: the cache user. $2: sshd's log file, or nothing for the journal or the usual files. $3: where the last look at the log has ended,
# as this script has said, or nothing.
# First the sessions of the cache user that are open now, then sshd's log after a line `end=`: what was written since the last look
# where that is known and not too much, else the newest entries.
user=$1
wanted=$2
last=$3
most=8388608
echo storekeeper-answer
say() { printf '%s=%s\n' "$1" "$2"; }
have() { command -v "$1" >/dev/null 2>&1; }
slowly() { if have timeout; then timeout 30 "$@"; else "$@"; fi; }

clock=$(date '+%s %z')
say now "${clock% *}"
say zone "${clock#* }"
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

# --- text logs ---------------------------------------------------------------------------------------------------------
only() { if [ -n "$wanted" ]; then cat; else grep -a sshd; fi; }
# $1: a file. $2: a number of bytes. Prints a mark of the last of them: another file under the same number has another one.
mark() {
    bytes=$(($2 < 256 ? $2 : 256))
    tail -c "+$(($2 - bytes + 1))" "$1" 2>/dev/null | head -c "$bytes" | cksum | tr ' ' -
}
# $1: a file. $2 and $3: where a part of it begins and ends.
part() { tail -c "+$(($2 + 1))" "$1" 2>/dev/null | head -c "$(($3 - $2))"; }

# $1: a file. Sets `inode` and `all`, its size, and `size` to the end of its last whole line: somebody may be writing.
measure() {
    inode=
    size=
    # shellcheck disable=SC2046
    set -- "$1" $(stat -L -c '%i %s' -- "$1" 2>/dev/null)
    inode=$2
    size=$3
    all=$3
    if [ "${size:-0}" = 0 ] || [ "$(part "$1" $((size - 1)) "$size" | wc -l)" -gt 0 ]; then return; fi
    piece=$((size < 65536 ? size : 65536))
    size=$((size - $(part "$1" $((size - piece)) "$size" | tail -n 1 | wc -c)))
}

# $1: a file. $2: its older part, or nothing.
text() {
    say source "file $1"
    measure "$1"
    set -- "$1" "$2" $last
    old=
    if [ -z "$size" ] || [ "$3" != file ] || [ $# -lt 6 ]; then
        from=
    elif [ "$inode" = "$4" ] && [ "$size" -ge "$5" ] && [ "$(mark "$1" "$5")" = "$6" ]; then
        from=$5
    elif rest=$(stat -L -c '%i %s' -- "$1.1" 2>/dev/null) && [ "${rest% *}" = "$4" ] && [ "${rest#* }" -ge "$5" ] &&
        [ "$(mark "$1.1" "$5")" = "$6" ]; then
        # It was rotated meanwhile.
        from=0
        old=$1.1
    else
        from=
    fi
    if [ -n "$from" ] && [ $((size - from)) -gt $most ]; then from=; fi
    if [ -n "$size" ]; then say cursor "file $inode $size $(mark "$1" "$size")"; fi
    if [ -n "$from" ]; then
        say part yes
        echo end=
        {
            if [ -n "$old" ]; then
                part "$old" "$5" "${rest#* }" | tail -c $most
                echo
            fi
            part "$1" "$from" "$size"
        } | only
        return
    fi
    echo end=
    keep=$most
    if [ -z "$wanted" ]; then keep=$((most * 32)); fi
    {
        if [ -n "$2" ]; then slowly cat "$2" 2>/dev/null; fi
        if [ -n "$all" ]; then
            part "$1" $((all > keep ? all - keep : 0)) "$all"
        else
            tail -c $keep "$1" 2>/dev/null
        fi
    } | tail -c $keep | only | tail -c $most
}

if [ -n "$wanted" ]; then
    if [ -r "$wanted" ]; then
        text "$wanted" ""
    else
        say log-why "the log $wanted is not there or can't be read"
        echo end=
    fi
    exit 0
fi
if have journalctl && [ -n "$(slowly journalctl -q -n 1 -o cat -t sshd -t sshd-session -t sshd-auth 2>/dev/null)" ]; then
    say source journal
    journal() {
        slowly journalctl -q -o json --output-fields=MESSAGE,SYSLOG_IDENTIFIER,SYSLOG_PID,_PID,_UID \
            -t sshd -t sshd-session -t sshd-auth "$@" 2>/dev/null
    }
    case $last in
    'journal '*)
        say part yes
        echo end=
        { journal --after-cursor="${last#journal }" || echo storekeeper-failed; } | tail -c $most
        ;;
    *)
        echo end=
        journal -r | head -c $most | tac
        ;;
    esac
    exit 0
fi
for file in /var/log/auth.log /var/log/secure; do
    if [ -r "$file" ]; then
        if [ -r "$file.1" ]; then text "$file" "$file.1"; else text "$file" ""; fi
        exit 0
    fi
done
say log-why "neither the journal nor /var/log/auth.log has entries of sshd that can be read"
echo end=
