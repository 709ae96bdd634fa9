# $1: the log. Whether a record could be appended now: everything that appending needs is tried, and the log left as it is.
set -u
umask 077
file=$1
fail() {
    echo "$2" >&2
    exit "$1"
}
command -v flock >/dev/null 2>&1 || fail 69 "flock is not installed"
command -v sha256sum >/dev/null 2>&1 || fail 69 "sha256sum is not installed"
mkdir -p "${file%/*}" || exit 73
exec 9>>"$file" || exit 73
flock -w 30 9 || fail 75 "another writer holds the lock for more than 30 s"
# A cache's disk fills up: room for one record beside it.
head -c 65536 /dev/zero >"$file.room"
room=$?
rm -f "$file.room"
[ "$room" = 0 ] || fail 74 "there is no room for a record"
