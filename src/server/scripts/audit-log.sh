# Put after folder.sh, before the scripts that write to the audit log. A log `audit.jsonl` that has grown large becomes
# `audit-000001.jsonl`, and a new one goes on with the hash of its last line.

# Device and inode of a file that may be a link.
inode() { stat -L -c %d:%i "$1"; }

# $1: the log. Goes to its folder, where nobody else can put another file in its place, opens it as 9 and takes its lock.
# After a wait, the lock that is held may be that of a file that became a part meanwhile.
open_log() {
    for needed in flock sha256sum stat; do
        command -v $needed >/dev/null 2>&1 || fail 69 "$needed is not installed"
    done
    enter "${1%/*}" 700
    tries=0
    while [ $tries -lt 20 ]; do
        exec 9>>"$1" || exit 73
        flock -w 30 9 || fail 75 "another writer holds the lock for more than 30 s"
        opened=$(inode /proc/self/fd/9) || fail 74 "the log that was opened can't be looked at"
        named=$(inode "$1") || named=
        if [ "$opened" = "$named" ]; then return 0; fi
        tries=$((tries + 1))
    done
    fail 75 "$1 is replaced again and again"
}
