# Put behind store.sh. Hands out Nix's database, for a copy that is checked by the receiver: one line of facts, the first MiB, or a
# 64th of a large one, as it is, and, for each word on standard input, what it asks for. `raw`, `gzip`, `zstd`: the rest of the database, its write-ahead
# log and the line of facts as it is then, packed in that way. `again`: all of it anew, after a moment. With `ask` as first
# argument each line of facts waits for a word of its own: `copy` goes on as above; `log` with two numbers is for so many bytes of
# the log behind so many, and another line of facts; anything else is the end. Nothing here is opened but to be read. The line says
# how long everything is: a file that shrinks meanwhile is filled up with zeros.
set -u
mode=${1-}
part=1048576
database=$state/db/db.sqlite

size() { stat -c %s "$1" 2>/dev/null || echo 0; }

problem() {
    printf 'storekeeper-database problem=%s\n' "$1"
    exit 0
}

# The database's facts come before those of its log: a checkpoint in between shows in the next line.
look() {
    # shellcheck disable=SC2046 # Numbers and times, a word each.
    set -- $(stat -c '%i %s %Y %y' "$database" 2>/dev/null)
    inode=${1-} bytes=${2-} seconds=${3-} fraction=${5-}
    case $fraction in *.*) fraction=${fraction##*.} ;; *) fraction= ;; esac
    # shellcheck disable=SC2046
    set -- $(stat -c '%s %Y %y' "$database-wal" 2>/dev/null)
    log=${1-0} log_seconds=${2-} log_fraction=${4-}
    case $log_fraction in *.*) log_fraction=${log_fraction##*.} ;; *) log_fraction= ;; esac
    # shellcheck disable=SC2046 # Bytes.
    set -- $(od -An -v -tx1 -N32 "$database-wal" 2>/dev/null)
    IFS=
    salts="$*"
    unset IFS
    journal=0
    if [ -e "$database-journal" ]; then journal=$(size "$database-journal"); fi
    clock=$(date '+%s.%N')
}

facts() {
    look
    printf 'storekeeper-database schema=%s inode=%s size=%s modified=%s.%s log=%s log_modified=%s.%s salts=%s journal=%s clock=%s packers=%s\n' \
        "$schema" "$inode" "$bytes" "$seconds" "$fraction" "$log" "$log_seconds" "$log_fraction" "$salts" "$journal" "$clock" "$packers"
}

# So many bytes of standard input.
exactly() { { cat; cat /dev/zero; } 2>/dev/null | head -c "$1"; }

rest() {
    exactly "$2"
    if [ "$3" -gt 0 ]; then cat "$1-wal" 2>/dev/null | exactly "$3"; fi
    facts
}

# What the session's environment says of a socket, nobody else knows.
if [ -n "${NIX_DAEMON_SOCKET_PATH-}" ]; then problem socket; fi
if [ "$plain" != yes ]; then problem store; fi
for tool in stat dd od head; do have $tool || problem tools; done
if ! [ -e "$database" ]; then
    if [ -x "$state" ] && [ -x "$state/db" ]; then problem missing; fi
    if [ -d "$state/db" ]; then problem rights; fi
    problem missing
fi
if [ -L "$database" ] || ! [ -f "$database" ]; then problem odd; fi
if ! [ -r "$database" ]; then problem rights; fi
stat -c %s "$database" >/dev/null 2>&1 || problem tools
if [ -e "$database-wal" ] && ! [ -r "$database-wal" ]; then problem rights; fi
# shellcheck disable=SC2046 # A number.
set -- $(head -c 20 "$state/db/schema" 2>/dev/null)
schema=${1-}
packers=
for packer in gzip zstd; do
    if have $packer; then packers=$packers$packer,; fi
done

# A word for the line of facts, and what it asks for, until that is the copy.
asked() {
    while :; do
        read -r word from bytes_of_log || exit 0
        case $word in
        copy) return ;;
        log) tail -c "+$((from + 1))" "$database-wal" 2>/dev/null | exactly "$bytes_of_log" ;;
        *) exit 0 ;;
        esac
        facts
    done
}

while :; do
    facts
    if [ "$mode" = ask ]; then asked; fi
    first=$((bytes / 64 / 65536 * 65536))
    if [ "$first" -lt $part ]; then first=$part; fi
    if [ "$first" -gt "$bytes" ]; then first=$bytes; fi
    {
        dd bs=65536 count=$(((first + 65535) / 65536)) 2>/dev/null | exactly "$first"
        read -r word <&4 || exit 0
        case $word in
        raw) rest "$database" $((bytes - first)) "$log" ;;
        gzip) rest "$database" $((bytes - first)) "$log" | gzip -1c ;;
        zstd) rest "$database" $((bytes - first)) "$log" | zstd -q -1 -c ;;
        esac
        if [ "$word" != again ]; then read -r word <&4 || exit 0; fi
    } 4<&0 <"$database" || exit 0
    case $word in
    again) sleep 0.2 2>/dev/null || sleep 1 ;;
    *) exit 0 ;;
    esac
done
