# $1: the log. $2: the id of the job. $3: `own`; `left` where that job was killed and somebody else writes its record.
# On stdin: a JSON object on one line, without its opening brace.
# Under the lock: hash the last line, append the record with that hash in front, put it on the disk, print the line, remove
# what the job has left beside the log. The record of one that was killed is written once.
set -u
umask 077
file=$1
left=${1%/*}/unfinished-$2
fail() {
    echo "$2" >&2
    exit "$1"
}
command -v flock >/dev/null 2>&1 || fail 69 "flock is not installed"
command -v sha256sum >/dev/null 2>&1 || fail 69 "sha256sum is not installed"
mkdir -p "${file%/*}" || exit 73
exec 9>>"$file" || exit 73
flock -w 30 9 || fail 75 "another writer holds the lock for more than 30 s"
if [ "$3" = left ]; then
    [ -e "$left" ] || fail 66 "somebody else has written that record just now"
    flock -n "$left" true || fail 75 "that job goes on"
    if grep -q "^{\"prev\":\"[0-9a-f]*\",\"id\":\"$2\"" "$file"; then
        rm -f "$left"
        fail 66 "that record was written before the job was killed"
    fi
fi
if [ -s "$file" ]; then
    # A line that was cut off by a crash is closed, and stays what it is.
    if [ -n "$(tail -c 1 "$file")" ]; then echo >&9; fi
    previous=$(tail -n 1 "$file" | tr -d '\n' | sha256sum) || exit 74
    previous=${previous%% *}
else
    previous=0000000000000000000000000000000000000000000000000000000000000000
fi
rest=$(cat) || exit 74
printf '{"prev":"%s",%s\n' "$previous" "$rest" >&9 || fail 74 "the line could not be written"
sync -d "$file" 2>/dev/null || sync "$file" 2>/dev/null || sync
rm -f "$left"
line=$(tail -n 1 "$file")
printf '%s\n' "$line"
if command -v logger >/dev/null 2>&1; then
    printf '%s\n' "$line" | logger -S 65536 -t storekeeper >/dev/null 2>&1 ||
        printf '%s\n' "$line" | logger -t storekeeper >/dev/null 2>&1 || :
fi
