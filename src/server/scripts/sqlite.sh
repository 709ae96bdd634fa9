# Put before the scripts that ask Nix's database itself. $1: the database; it is taken away, the script's own arguments follow.
# Nix's own lock over the database's form is held, shared, as each of its processes does.
set -u
LC_ALL=C
export LC_ALL
command -v sqlite3 >/dev/null 2>&1 || {
    echo "sqlite3 is not installed there" >&2
    exit 69
}
database=$1
shift
if [ -L "$database" ] || ! [ -f "$database" ]; then
    echo "there is no database $database" >&2
    exit 66
fi
if [ -r "${database%/*}/big-lock" ] && command -v flock >/dev/null 2>&1; then
    exec 8<"${database%/*}/big-lock" && flock -s 8 || exit 75
fi
# Writers wait for each other, and SQLite looks for a gap only ten times a second.
wait_for_writers='.timeout 120000'
# Data is written as hexadecimal digits, and nothing else becomes a part of a statement.
is_hex() { case $1 in '' | *[!0-9a-f]*) return 1 ;; esac; }
