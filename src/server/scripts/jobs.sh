# $1: a folder. $2: `clean` where files may be removed. Says which jobs have left a file there, and which of them still run.
# A look holds the lock for a moment, together with other looks. A file that was cut off belongs to a job that never began.
jobs() {
    for left in "$1"/unfinished-*; do
        [ -f "$left" ] || continue
        state=unknown
        if [ -r "$left" ] && command -v flock >/dev/null 2>&1; then
            if flock -s -n "$left" true 2>/dev/null; then state=left; else state=running; fi
        fi
        if [ $state = left ] && [ "$(tail -n 1 "$left")" != end ]; then
            [ "$2" != clean ] || rm -f "$left"
            continue
        fi
        printf 'state=%s\n' "$state"
        printf 'header=%s\n' "$(head -n 1 "$left" 2>/dev/null | head -c 8192)"
    done
}
