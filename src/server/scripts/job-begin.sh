# $1: the audit log. $2: the id of a job. $3: `first`; `room` where the job makes room on a full disk; `again` where it goes
# on over a new connection. On stdin: a line that says what it is, its items, a line `end`.
# Tries all that appending a record needs and leaves the log as it is, says what the two-person rule is and which other jobs have left
# a file beside it, writes the file of this one, and holds a lock on that until stdin ends: so the next job sees what it was, and whether it runs.
set -u
umask 077
log=$1
folder=${1%/*}
file=$folder/unfinished-$2
hold() {
    # From here on others may write.
    exec 9>&-
    echo end=
    exec cat >/dev/null
}
command -v flock >/dev/null 2>&1 || fail 69 "flock is not installed"
if [ "$3" = again ]; then
    exec 8<"$file" || exit 66
    flock -w 5 8 || fail 75 "the connection that was lost still holds the lock of $file"
    echo storekeeper-answer
    hold
fi
open_log "$log"
echo storekeeper-answer
# A cache's disk fills up: room for one record beside it.
head -c 65536 /dev/zero >"$log.room"
room=$?
rm -f "$log.room"
if [ "$room" != 0 ]; then
    [ "$3" = room ] || fail 74 "there is no room for a record"
    echo room=none
fi
rules "$folder"
jobs "$folder" clean
unkept() {
    rm -f "$file"
    [ "$3" = room ] || fail 74 "there is no room for the items of the job"
    echo kept=no
    hold
}
IFS= read -r header || fail 65 "the job did not say what it is"
set -C
exec 8>"$file" || exit 73
flock -w 5 8 || fail 75 "somebody else holds the lock of $file"
printf '%s\n' "$header" >&8 || unkept "$@"
# From here on others see it, and may write.
exec 9>&-
if ! sed '/^end$/q' >&8 || [ "$(tail -n 1 "$file")" != end ]; then unkept "$@"; fi
sync -d "$file" 2>/dev/null || sync "$file" 2>/dev/null || sync
hold
