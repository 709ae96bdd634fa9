# Put behind store.sh. $1: the program sqlite3. What a VACUUM of Nix's database would find. The database itself is not opened by
# SQLite, which would leave files beside it: its first bytes say enough (the file format of SQLite, 1.3).
set -u
sqlite=$1
echo storekeeper-answer
if [ "$plain" != yes ]; then
    say store "$store"
    echo end=
    exit 0
fi
database=$state/db/db.sqlite
say database "$database"
say size "$(stat -c %s "$database" 2>/dev/null)"
say wal "$(stat -c %s "$database-wal" 2>/dev/null)"
say page "$(od -An -v -tx1 -j16 -N2 "$database" 2>/dev/null | tr -d ' \n')"
say pages "$(od -An -v -tx1 -j28 -N4 "$database" 2>/dev/null | tr -d ' \n')"
say free "$(od -An -v -tx1 -j36 -N4 "$database" 2>/dev/null | tr -d ' \n')"
say available "$(df -Pk "$state/db" 2>/dev/null | sed -n '$s/.*[[:space:]]\([0-9]\{1,\}\)[[:space:]]\{1,\}[0-9]\{1,\}%.*/\1/p')"
say sqlite3 "$(command -v "$sqlite" 2>/dev/null)"
say version "$("$sqlite" -init /dev/null -batch --version 2>/dev/null </dev/null | cut -d ' ' -f 1)"
say flock "$(command -v flock 2>/dev/null)"
if [ -e /etc/NIXOS ]; then say nixos yes; fi
# What one that was killed has left.
if [ -d "$state/db/storekeeper-vacuum" ]; then
    say left yes
    say left-size "$(stat -c %s "$state/db/storekeeper-vacuum/copy" 2>/dev/null)"
fi
echo end=
