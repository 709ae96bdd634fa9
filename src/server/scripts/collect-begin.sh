# $1: the audit log. $2: the id of a collection. On stdin: a line that says what it is, its paths, a line `end`.
# Writes that beside the log and holds a lock on it until stdin ends: so whoever comes next sees what was planned, and
# whether it still runs.
set -u
umask 077
folder=${1%/*}
file=$folder/collect-$2.paths
fail() {
    echo "$2" >&2
    exit "$1"
}
command -v flock >/dev/null 2>&1 || fail 69 "flock is not installed"
mkdir -p "$folder" || exit 73
set -C
exec 9>"$file" || exit 73
flock -n 9 || fail 75 "somebody else holds the lock of $file"
if ! sed '/^end$/q' >&9 || [ "$(tail -n 1 "$file")" != end ]; then
    rm -f "$file"
    fail 74 "there is no room for the list of paths"
fi
sync -d "$file" 2>/dev/null || sync "$file" 2>/dev/null || sync
echo storekeeper-answer
echo end=
exec cat >/dev/null
