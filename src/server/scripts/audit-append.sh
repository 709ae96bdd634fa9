# $1: the log. $2: the id of the job. $3: `own`; `left` where that job was killed and somebody else writes its record.
# $4: the size in bytes from which on the log becomes a part, and a new one begins.
# On stdin: a JSON object on one line, without its opening brace.
# Under the lock: hash the last line, append the record with that hash in front, put it on the disk, print the line, remove
# what the job has left beside the log. The record of one that was killed is written once.
set -u
umask 077
file=$1
id=$2
limit=$4
base=${file%.jsonl}
folder=${file%/*}
left=$folder/unfinished-$id
zeros=0000000000000000000000000000000000000000000000000000000000000000
open_log "$file"

# Of a pipeline only the last status is seen: the others say on 3, which lands in the value, that they failed.
# On stdin: a line. On stdout its hash without the newline, and more than that where something failed.
hash_line() { { { { tr -d '\n' || echo failed >&3; } | sha256sum; } 3>&1; } | sed 's/ .*//'; }
is_hash() {
    case $1 in *[!0-9a-f]*) return 1 ;; esac
    [ ${#1} = 64 ]
}
# $1: a file. The hash of its last line.
hash_last() {
    hash=$({ { tail -n 1 "$1" || echo failed >&3; } | hash_line; } 3>&1)
    is_hash "$hash" || fail 74 "the last line of $1 can't be hashed"
}
# $1: a file of several lines. The hash of the one before the last.
hash_before() {
    hash=$({ { tail -n 2 "$1" || echo failed >&3; } | { sed -n 1p || echo failed >&3; } | hash_line; } 3>&1)
    is_hash "$hash" || fail 74 "the end of $1 can't be hashed"
}
# 1 where the file ends with a newline, 0 where its last line was cut off.
newlines() { { { tail -c 1 "$1" || echo failed >&3; } | { wc -l || echo failed; }; } 3>&1; }
# Puts a file on the disk. Not every sync takes a file.
if sync -d "$folder" 2>/dev/null; then
    durable() { sync -d "$1"; }
else
    durable() { sync "$1" 2>/dev/null || sync; }
fi

# Parts that were closed, and the newest of them.
parts=0
newest=
for one in "$base"-[0-9][0-9][0-9][0-9][0-9][0-9].jsonl; do
    [ -f "$one" ] || continue
    number=${one#"$base"-}
    parts=$((1${number%.jsonl} - 1000000))
    newest=$one
done
# The log itself is a part already where a change of files was cut off: it is gone on with.
resumed=
if [ -n "$newest" ] && [ "$(inode "$newest")" = "$opened" ]; then
    resumed=yes
    parts=$((parts - 1))
fi

if [ "$3" = left ]; then
    [ -e "$left" ] || fail 66 "somebody else has written that record just now"
    flock -n "$left" true || fail 75 "that job goes on"
    for one in "$newest" "$file"; do
        [ -n "$one" ] || continue
        # A record that was cut off counts as none.
        grep -q "^{\"prev\":\"[0-9a-f]*\",\(\"part\":[0-9]*,\)\{0,1\}\(\"before\":\"[0-9a-f]*\",\)\{0,1\}\"id\":\"$id\".*}\$" "$one"
        case $? in
        0)
            rm -f "$left"
            fail 66 "that record was written before the job was killed"
            ;;
        1) ;;
        *) fail 74 "$one can't be searched" ;;
        esac
    done
fi
rest=$(cat) || exit 74

# What the record has in front. Behind a line that was cut off it has the hash of the one before that as well: a line may be
# cut off before its own.
size=$(stat -L -c %s "$file") || fail 74 "the size of the log can't be read"
part=
before=
if [ "$size" != 0 ]; then
    # A line that was cut off by a crash is closed, and stays what it is.
    case $(newlines "$file") in
    1) ;;
    0)
        echo >&9 || fail 74 "there is no room for a record"
        size=$((size + 1))
        case $({ { tail -n 2 "$file" || echo failed >&3; } | { wc -l || echo failed; }; } 3>&1) in
        2) hash_before "$file" ;;
        1) if [ "$parts" != 0 ] && [ -z "$resumed" ]; then hash_last "$newest"; else hash=$zeros; fi ;;
        *) fail 74 "the end of the log can't be read" ;;
        esac
        before="\"before\":\"$hash\","
        ;;
    *) fail 74 "the end of the log can't be read" ;;
    esac
    hash_last "$file"
else
    # A log that was emptied or removed goes on with the last hash that is known: so it shows.
    known=
    if [ -r "$file.head" ]; then IFS= read -r known <"$file.head" || known=; fi
    if is_hash "$known"; then
        hash=$known
    elif [ "$parts" != 0 ]; then
        hash_last "$newest"
    else
        hash=$zeros
    fi
    if [ "$parts" != 0 ]; then part="\"part\":$((parts + 1)),"; fi
fi
record="{\"prev\":\"$hash\",$part$before$rest"

# Makes the log a part, and the record the first one of a new log, which is there whole before it takes the log's name. Any
# failure leaves all as it was, and the record goes to the old file.
change_files() {
    next=$((parts + 2))
    [ $next -le 999999 ] || return 1
    name=$(printf '%s-%06d.jsonl' "$base" $((parts + 1))) || return 1
    first="{\"prev\":\"$hash\",\"part\":$next,$before$rest"
    rm -f "$file.new" &&
        (set -C && printf '%s\n' "$first" >"$file.new") &&
        chown "$(stat -L -c %u:%g "$file")" "$file.new" &&
        chmod "$(stat -L -c %a "$file")" "$file.new" &&
        durable "$file.new" &&
        line=$(tail -n 1 "$file.new") && [ "$line" = "$first" ] &&
        { [ -n "$resumed" ] || ln "$file" "$name"; } &&
        mv -f "$file.new" "$file" && return 0
    rm -f "$file.new"
    return 1
}
append() {
    if printf '%s\n' "$record" >&9 && durable "$file" && line=$(tail -n 1 "$file") && [ "$line" = "$record" ]; then
        return 0
    fi
    # Half a line is taken away again. Where that can't be done, it is closed by the next record, and named by who reads the log.
    truncate -s "$size" "$file" 2>/dev/null || fail 74 "the line could not be written, and a part of it is in the log"
    fail 74 "the line could not be written"
}
if [ "$size" -ge "$limit" ] && change_files 2>/dev/null; then :; else append; fi
rm -f "$left"
# Where the chain goes on after the log was emptied. Only a help: without it a new chain begins.
hash=$({ { printf '%s\n' "$line" || echo failed >&3; } | hash_line; } 3>&1)
if is_hash "$hash"; then { printf '%s\n' "$hash" >"$file.head"; } 2>/dev/null || :; fi
printf '%s\n' "$line"
if command -v logger >/dev/null 2>&1; then
    printf '%s\n' "$line" | logger -S 65536 -t storekeeper >/dev/null 2>&1 ||
        printf '%s\n' "$line" | logger -t storekeeper >/dev/null 2>&1 || :
fi
