# $1: the log. $2: how many records of the journal. $3: how far the log was read before, as this script has said, or nothing.
# Prints what the journal has of the log, newest first; then each file of the log in order, oldest first, as a line with its
# size and name, its bytes and a newline. Nothing that is appended meanwhile is read. Where the log only has grown since it was read
# before, that is said, and only what it has grown by comes.
set -u
file=$1
most=$2
last=$3
base=${file%.jsonl}
folder=${file%/*}
fail() {
    echo "$2" >&2
    exit "$1"
}
inode() { stat -L -c %d:%i "$1"; }
command -v stat >/dev/null 2>&1 || fail 69 "stat is not installed"
# What can't be looked into must not look empty.
above=$folder
while [ -n "$above" ] && ! [ -e "$above" ]; do above=${above%/*}; done
[ -x "${above:-/}" ] || fail 77 "${above:-/} can't be entered by this login"
! [ -d "$folder" ] || [ -r "$folder" ] || fail 77 "$folder can't be listed by this login"
echo storekeeper-answer

# First the journal: what it has is in the log by now.
slowly() { if command -v timeout >/dev/null 2>&1; then timeout 30 "$@"; else "$@"; fi; }
if ! command -v journalctl >/dev/null 2>&1; then
    echo journal=none
elif [ -z "$(slowly journalctl -q -n 1 -o cat 2>/dev/null)" ]; then
    echo journal=unreadable
else
    # Only what this account has written there: anybody may write under that name.
    { slowly journalctl -q -r -a -o cat -n "$most" -t storekeeper _UID="$(id -u)" 2>/dev/null || echo storekeeper-failed; } |
        sed 's/^/record=/'
    echo journal=read
fi

# The newest signatures over the log: what they stand for is in it by now.
if [ -e "$file.signed" ]; then
    { tail -n 200 "$file.signed" || echo unreadable; } | sed 's/^/signed=/'
fi

opened=
tries=0
while [ -e "$file" ]; do
    exec 9<"$file" || exit 66
    # No half record of somebody who is writing.
    if command -v flock >/dev/null 2>&1; then
        flock -s -w 30 9 || fail 75 "a writer holds the lock for more than 30 s"
    fi
    opened=$(inode /proc/self/fd/9) || fail 74 "$file can't be looked at"
    if [ "$opened" = "$(inode "$file")" ]; then break; fi
    tries=$((tries + 1))
    [ $tries -lt 20 ] || fail 75 "$file is replaced again and again"
done
size=0
if [ -n "$opened" ]; then size=$(stat -L -c %s /proc/self/fd/9) || fail 74 "the size of $file can't be read"; fi
set -- "$base"-[0-9][0-9][0-9][0-9][0-9][0-9].jsonl
# Where there are none, the pattern stands for itself.
[ -e "$1" ] || set --
for one in "$file".* "$file"-*; do
    case $one in "$file.room" | "$file.new" | "$file.head" | "$file.signed") continue ;; esac
    if [ -e "$one" ]; then printf 'other=%s\n' "${one##*/}"; fi
done
if [ -n "$opened" ] && command -v flock >/dev/null 2>&1; then flock -u 9; fi

# $1: a number of bytes of the log. A mark of the last of them: a log that was written anew has another.
mark() {
    few=$(($1 < 256 ? $1 : 256))
    tail -c "+$(($1 - few + 1))" /proc/self/fd/9 2>/dev/null | head -c "$few" | cksum | tr ' ' -
}
# Whether the log goes on from what was said. $1 to $4: file, size, mark, number of parts. $5: how many there are now.
goes_on() {
    [ $# = 5 ] && [ "$1" = "$opened" ] && [ "$2" -le "$size" ] 2>/dev/null && [ "$4" = "$5" ] && [ "$(mark "$2")" = "$3" ]
}
from=0
if [ -n "$opened" ] && [ -r /proc/self/fd/9 ]; then
    # shellcheck disable=SC2086
    if goes_on $last $#; then
        from=${last#* }
        from=${from%% *}
    fi
    echo "at=$opened $size $(mark "$size") $#"
    if [ "$from" != 0 ]; then
        echo again=
        set --
    fi
fi
for one in "$@"; do
    [ -f "$one" ] || continue
    # A change of files that was cut off: the log has two names.
    if [ "$(inode "$one")" = "$opened" ]; then continue; fi
    length=$(stat -L -c %s "$one") || fail 74 "the size of $one can't be read"
    printf 'part=%s %s\n' "$length" "${one##*/}"
    head -c "$length" "$one" || fail 74 "$one can't be read"
    echo
done
if [ -n "$opened" ]; then
    printf 'log=%s %s\n' "$((size - from))" "${file##*/}"
    if [ "$from" = 0 ]; then
        head -c "$size" <&9 || fail 74 "$file can't be read"
    else
        { tail -c "+$((from + 1))" /proc/self/fd/9 || echo "$file can't be read" >&2; } | head -c "$((size - from))"
    fi
    echo
    exec 9<&-
fi
echo end=
