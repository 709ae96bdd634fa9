# Put behind store.sh and folder.sh. $1: the program sqlite3. $2: seconds to wait for Nix's lock of collections. $3: seconds to wait
# for others that write. On stdin: nothing; its end means that nobody waits any more.
# A VACUUM of Nix's database: in place, so that the file stays the one that it is, with its owner, mode and label. SQLite makes it
# one transaction, which a kill at any moment leaves done or not done. Before it comes a copy, which is checked; after it the
# database is checked and compared with the copy, which goes only then. Whatever ends this early leaves the copy in the folder
# storekeeper-vacuum beside the database; the next run looks whether the database is whole, and takes it away.
# Before the answers it says where it is, once a second: the phase, bytes of the file that grows in it, and about how large that becomes.
# Nix's lock is held as its uploads hold it, shared: no path can be collected meanwhile, and uploads go on; those that come in the
# middle of the VACUUM wait for SQLite, as they wait for each other.
set -u
umask 077
sqlite=$1
wait_collection=$2
wait_writers=$3
work=./storekeeper-vacuum
shown=$state/db/storekeeper-vacuum
[ "$plain" = yes ] || fail 69 "Nix's store there is in an unknown place ($store)"
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
ticking=
ended="nothing was changed"
stop() {
    quiet
    if [ -n "$running" ]; then
        kill -KILL "$running" 2>/dev/null
        wait "$running" 2>/dev/null
    fi
    fail 75 "it was stopped; $ended"
}
# Ends what says where it is.
quiet() {
    if [ -n "$ticking" ]; then
        kill "$ticking" 2>/dev/null
        wait "$ticking" 2>/dev/null
        ticking=
    fi
}
# $1: the phase. $2: the file that grows in it, or nothing. $3: how large that becomes. Only what it prints keeps our output open.
phase() {
    quiet
    (
        while :; do
            size=0
            if [ -n "$2" ]; then size=$(stat -c %s "$2" 2>/dev/null) || size=0; fi
            printf 'at=%s %s %s\n' "$1" "$size" "$3"
            sleep 1 >/dev/null 2>&1
        done
    ) </dev/null 2>/dev/null 3<&- 8<&- 9<&- &
    ticking=$!
}
trap stop HUP INT TERM
exec 3<&0
{
    cat <&3
    kill -TERM $$
} >/dev/null 2>&1 8<&- 9<&- &
watching=$!
trap 'kill "$watching" 2>/dev/null; quiet' EXIT

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
    phase check '' 0
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

# What is not free: pages of so many bytes (the file format of SQLite, 1.3).
field() { od -An -v -tx1 "-j$1" "-N$2" ./db.sqlite 2>/dev/null | tr -d ' \n'; }
page=$((0x$(field 16 2)))
if [ "$page" = 1 ]; then page=65536; fi
rest=$(((0x$(field 28 4) - 0x$(field 36 4)) * page))
if [ "$rest" -le 0 ]; then rest=$before; fi

mkdir -m 700 "$work" || fail 73 "nothing can be made in $state/db"
drop() { rm -rf "$work"; }
phase copy "$work/copy" "$rest"
if ! sql ./db.sqlite "vacuum main into 'storekeeper-vacuum/copy'"; then
    drop
    fail 74 "the database can't be copied beside itself ($said); nothing was changed"
fi
phase check-copy '' 0
{ sync "$work/copy" 2>/dev/null || sync; }
if ! sql "$work/copy" "pragma integrity_check(1)" || [ "$said" != ok ]; then
    drop
    fail 74 "the database is damaged already: its copy is not whole ($said); nothing was changed"
fi

ended="the copy from before is in $shown"
# It is built in a file without a name, then written into the log.
phase vacuum ./db.sqlite-wal "$rest"
if ! sql ./db.sqlite vacuum; then
    why=$said
    phase check '' 0
    # Whatever it failed of, it was rolled back: that is looked at before the copy goes.
    check ./db.sqlite "the database"
    drop
    case $why in
    *locked* | *busy*) fail 75 "others wrote to the database for all of $wait_writers s, so there was no moment for it; nothing was changed" ;;
    esac
    fail 74 "SQLite did not do it ($why); nothing was changed"
fi
# The log goes into the file, which gets shorter by that. A reader of an old state holds it up, and the file gets shorter later.
phase write '' 0
sql ./db.sqlite "pragma wal_checkpoint(truncate)"
phase check '' 0
check ./db.sqlite "the database"
phase compare '' 0
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
quiet
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
