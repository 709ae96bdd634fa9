# $1: the key file. $2: SHA-256 of what it held when the change was planned, or `none`. $3: its size then, in bytes.
# $4: `replace`, with all of the new content on stdin, or `append`, with the new lines on stdin.
# $5: SHA-256 of stdin. $6: the file as it must be found after its links, or nothing. $7: owner of a new file, `user:group`.
# $8: its mode. $9: the fingerprints that come, $10: that go, each separated by blanks.
# At every step there is the old file or the new one. What it says: `result=done`, or `result=conflict` with what is there now.
set -u
umask 077
LC_ALL=C
export LC_ALL
file=$1
planned=$2
size=$3
kind=$4
given=$5
expected=$6
owner=$7
mode=$8
come=$9
shift 9
go=$1
newline='
'
say() { printf '%s=%s\n' "$1" "$2"; }
fail() {
    echo "$2" >&2
    exit "$1"
}
sum() { sha256sum <"$1" | cut -d ' ' -f 1; }
for program in flock sha256sum ssh-keygen stat readlink; do
    command -v $program >/dev/null 2>&1 || fail 69 "$program is not installed"
done

target=$(readlink -m -- "$file") || fail 66 "the file's links lead nowhere"
case $target in
*"$newline"*) fail 65 "a symbolic link there has a line end in its target" ;;
/nix/store/*) fail 65 "the file is a part of the Nix store and is generated" ;;
/*/*) ;;
*) fail 65 "a key file is not kept in the root folder" ;;
esac
if [ -n "$expected" ] && [ "$target" != "$expected" ]; then fail 65 "its symbolic links lead somewhere else since it was looked at"; fi
folder=${target%/*}
base=${target##*/}
if ! [ -d "$folder" ]; then
    # Only the last folder, such as ~/.ssh: that one above it is missing is a mistake in the path.
    mkdir -m 755 "$folder" || fail 73 "its folder $folder can't be made"
    case $owner in
    0:0 | root:* | '') ;;
    *) chmod 700 "$folder" && chown -h "$owner" "$folder" || fail 73 "its folder $folder can't be given to its owner" ;;
    esac
fi

# The folder itself is locked: a file for that would be one more thing that its owner could swap.
exec 9<"$folder" || fail 73 "its folder $folder can't be opened"
flock -w 60 9 || fail 75 "another writer holds the lock of $folder for more than 60 s"

# A folder of our own inside, entered, and all names relative to it: the folder's owner can't put links in the way.
# What a killed run has left is taken away first.
work=$folder/.storekeeper-edit
rm -rf "$work"
mkdir -m 700 "$work" || fail 73 "nothing can be made in its folder $folder"
cd -P "$work" || fail 73 "nothing can be made in its folder $folder"
clean() {
    cd / 2>/dev/null
    rm -rf "$work"
}
trap clean EXIT
trap 'exit 75' HUP INT TERM
[ "$(stat -c %u .)" = "$(id -u)" ] || fail 77 "somebody else writes in $folder at the same time"

cat >given || fail 74 "there is no room for the new content; nothing was changed"
[ "$(sum given)" = "$given" ] || fail 74 "the new content did not arrive whole; nothing was changed"

: >old
if [ -e "../$base" ]; then
    [ -f "../$base" ] || fail 65 "it is not a regular file"
    cat "../$base" >old || fail 74 "it can't be copied beside itself; nothing was changed"
    found=$(sum old)
    # As before, whoever that is.
    owner=$(stat -L -c '%u:%g' "../$base") || fail 74 "its owner can't be seen"
    mode=$(stat -L -c %a "../$base") || fail 74 "its mode can't be seen"
else
    found=none
fi
conflict() {
    say result conflict
    say sha256 "$found"
    say content "$(base64 <old | tr -d '\n')"
    echo end=
    exit 0
}
ends_whole() { ! [ -s "$1" ] || [ -z "$(tail -c 1 "$1")" ]; }
echo storekeeper-answer
if [ "$found" != "$planned" ]; then
    # Lines that others have added behind what was seen are no reason to stop a line of ours from following them.
    [ "$kind" = append ] && [ "$found" != none ] || conflict
    if [ "$planned" != none ]; then
        head -c "$size" old >seen || fail 74 "there is no room for a copy; nothing was changed"
        [ "$(sum seen)" = "$planned" ] || conflict
        if ! ends_whole seen; then
            # The last line had no end, so what comes behind it must begin with one, or that line was edited.
            [ -z "$(tail -c "+$((size + 1))" old | head -c 1)" ] || conflict
        fi
    fi
    say merged yes
fi
if [ "$kind" = append ]; then
    {
        cat old
        if ! ends_whole old; then echo; fi
        cat given
    } >new || fail 74 "there is no room for the new content; nothing was changed"
else
    cat given >new || fail 74 "there is no room for the new content; nothing was changed"
fi

# The keys, as this server's own OpenSSH reads them, before and after: none may come or go but those of the plan.
keys() { ssh-keygen -lf "$1" 2>/dev/null | cut -d ' ' -f 2 | sort; }
list() { for word in $1; do echo "$word"; done | sort; }
keys old >old.keys
keys new >new.keys
list "$come" >come
list "$go" >go
comm -13 old.keys new.keys >came
comm -23 old.keys new.keys >went
if [ "$kind" = append ] && [ -n "$come" ] && [ -n "$(comm -12 old.keys come)" ]; then
    say already yes
    conflict
fi
if ! cmp -s came come || ! cmp -s went go; then
    fail 65 "ssh-keygen there reads other keys in the new file than were planned (new: $(tr '\n' ' ' <came), gone: $(tr '\n' ' ' <went)); nothing was changed"
fi
[ -s came ] || [ -s went ] || ! cmp -s old new || fail 65 "the file holds exactly that already"

# $1: a file. Owner and mode first, then onto the disk.
settle() {
    if [ "$(stat -c '%u:%g' "$1")" != "$2" ]; then chown "$2" "$1" || return 1; fi
    chmod "$3" "$1" && { sync "$1" 2>/dev/null || sync; }
}
settle new "$owner" "$mode" || fail 74 "the new file can't get the owner $owner and the mode $mode; nothing was changed"
if [ "$found" != none ]; then
    chcon --reference="../$base" new 2>/dev/null
    settle old "$(id -u):$(id -g)" 600 || fail 74 "no backup can be kept; nothing was changed"
    mv -fT old "../$base.storekeeper-backup" || fail 74 "no backup can be kept beside it; nothing was changed"
fi
result=$(sum new)
mv -fT new "../$base" || fail 74 "the new file can't take its place; nothing was changed"
sync .. 2>/dev/null || sync
[ "$(sum "../$base")" = "$result" ] || fail 74 "the file that is there now is not the one that was written"
say sha256 "$result"
say size "$(stat -L -c %s "../$base")"
say result "done"
echo end=
