# Put behind store.sh and folder.sh. $1: the program sqlite3. $2: seconds to wait for Nix's lock of collections. $3: seconds to wait
# for others that write. On stdin: nothing; its end means that nobody waits any more.
# A VACUUM of Nix's database: in place, so that the file stays the one that it is, with its owner, mode and label. SQLite makes it
# one transaction, which a kill at any moment leaves done or not done. Before it comes a copy, which is checked; after it the
# database is checked and compared with the copy, which goes only then. Whatever ends this early leaves the copy in the folder
# storekeeper-vacuum beside the database; the next run looks whether the database is whole, and takes it away.
# Nix's lock is held as its uploads hold it, shared: no path can be collected meanwhile, and uploads go on; those that come in the
# middle of the VACUUM wait for SQLite, as they wait for each other.
set -u
umask 077
sqlite=$1
wait_collection=$2
wait_writers=$3
work=./storekeeper-vacuum
shown=$state/db/storekeeper-vacuum
[ "$plain" = yes ] || fail 69 "Nix's store there is in a place that is not known here ($store)"
for program in flock df sed stat "$sqlite"; do
    have "$program" || fail 69 "$program is not installed"
done

enter "$state"
if [ -L ./gc.lock ]; then fail 65 "$state/gc.lock is a symbolic link"; fi
if ! [ -e ./gc.lock ]; then : >>./gc.lock || fail 73 "Nix's lock $state/gc.lock can't be made"; fi
exec 9<./gc.lock || fail 73 "Nix's lock $state/gc.lock can't be opened"
enter "$state/db"
if [ -L ./db.sqlite ] || ! [ -f ./db.sqlite ]; then fail 66 "there is no database $state/db/db.sqlite"; fi
exec 8<. || fail 73 "the folder $state/db can't be opened"
flock -w 5 8 || fail 75 "another VACUUM runs there; nothing was changed"
flock -s -w "$wait_collection" 9 ||
    fail 75 "a collection holds Nix's lock for more than $wait_collection s; nothing was changed"

# Ended by a signal, and when nobody waits any more: sshd passes no signal on to a command of root's.
running=
ended="nothing was changed"
stop() {
    if [ -n "$running" ]; then
        kill -KILL "$running" 2>/dev/null
        wait "$running" 2>/dev/null
    fi
    fail 75 "it was stopped; $ended"
}
trap stop HUP INT TERM
exec 3<&0
{
    cat <&3
    kill -TERM $$
} >/dev/null 2>&1 8<&- 9<&- &
watching=$!
trap 'kill "$watching" 2>/dev/null' EXIT

# $1: a database. $2: statements. Sets `said` to what they say; fails with that where they fail.
sql() {
    "$sqlite" -init /dev/null -batch -bail -noheader -list -cmd ".timeout $((wait_writers * 1000))" "$1" "$2" \
        >"$work/said" 2>&1 </dev/null 3<&- &
    running=$!
    wait "$running"
    code=$?
    running=
    said=$(head -c 2000 "$work/said" | tr '\n\r' '  ')
    said=${said% }
    return $code
}
# $1: a database, $2: what it is.
check() { sql "$1" "pragma integrity_check(1)" && [ "$said" = ok ] || fail 74 "$2 is not whole ($said); $ended"; }

left=no
if [ -e "$work" ] || [ -L "$work" ]; then
    if [ -L "$work" ] || ! [ -d "$work" ]; then fail 65 "$shown is something else than what a VACUUM leaves; move it away"; fi
    left=yes
    ended="what an interrupted VACUUM has left is in $shown"
    check ./db.sqlite "the database"
    rm -rf "$work" || fail 74 "$shown can't be removed"
    ended="nothing was changed"
fi

before=$(stat -c %s ./db.sqlite) || fail 66 "the database can't be looked at"
log=$(stat -c %s ./db.sqlite-wal 2>/dev/null) || log=0
needed=$(((before + log) * 5 / 2))
available=$(df -Pk . | sed -n '$s/.*[[:space:]]\([0-9]\{1,\}\)[[:space:]]\{1,\}[0-9]\{1,\}%.*/\1/p')
[ -n "$available" ] || fail 69 "how much room there is in $state/db is not known"
[ $((available * 1024)) -ge "$needed" ] ||
    fail 73 "it takes $((needed / 1048576)) MiB of room for a while, and there are $((available / 1024)) in $state/db; nothing was changed"

mkdir -m 700 "$work" || fail 73 "nothing can be made in $state/db"
drop() { rm -rf "$work"; }
if ! sql ./db.sqlite "vacuum main into 'storekeeper-vacuum/copy'"; then
    drop
    fail 74 "the database can't be copied beside itself ($said); nothing was changed"
fi
{ sync "$work/copy" 2>/dev/null || sync; }
if ! sql "$work/copy" "pragma integrity_check(1)" || [ "$said" != ok ]; then
    drop
    fail 74 "the database is damaged already: its copy is not whole ($said); nothing was changed"
fi

ended="the copy from before is in $shown"
if ! sql ./db.sqlite vacuum; then
    why=$said
    # Whatever it failed of, it was rolled back: that is looked at before the copy goes.
    check ./db.sqlite "the database"
    drop
    case $why in
    *locked* | *busy*) fail 75 "others wrote to the database for all of $wait_writers s, so there was no moment for it; nothing was changed" ;;
    esac
    fail 74 "SQLite did not do it ($why); nothing was changed"
fi
# The log goes into the file, which gets shorter by that. Whoever reads an old state holds it up, and the file gets shorter later.
sql ./db.sqlite "pragma wal_checkpoint(truncate)"
check ./db.sqlite "the database"
sql ./db.sqlite "attach 'storekeeper-vacuum/copy' as copy;
    select (select count(*) from copy.ValidPaths as o where not exists
            (select 1 from main.ValidPaths as n where n.id = o.id and n.path = o.path and n.hash = o.hash))
        || ' ' || (select count(*) from copy.Refs as o where not exists
            (select 1 from main.Refs as n where n.referrer = o.referrer and n.reference = o.reference))
        || ' ' || (select count(*) from copy.DerivationOutputs as o where not exists
            (select 1 from main.DerivationOutputs as n where n.drv = o.drv and n.id = o.id and n.path = o.path))
        || ' ' || (select count(*) from main.ValidPaths) || ' ' || (select count(*) from main.Refs)" ||
    fail 74 "the database can't be compared with its copy ($said); $ended"
case $said in
'0 0 0 '*) ;;
*) fail 74 "rows of the copy are not in the database any more ($said); $ended" ;;
esac
counts=${said#0 0 0 }
drop
{ sync ./db.sqlite 2>/dev/null || sync; }
echo storekeeper-answer
say left $left
say before $((before + log))
log=$(stat -c %s ./db.sqlite-wal 2>/dev/null) || log=0
say after $(($(stat -c %s ./db.sqlite) + log))
say paths "${counts% *}"
say references "${counts#* }"
echo end=
