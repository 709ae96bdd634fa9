# Put behind folder.sh and pin-look.sh. $1: the folder of pins. $2: name. $3: store path. $4: the folder of notes. $5: how the pin was
# shown, as for pin-add.sh. $6: the SHA-256 of the new note, which comes on stdin. $7: the store path that the pin leads to until
# now. The link is replaced in one step, so one of both paths is kept at every moment.
set -u
umask 022
folder=$1
name=$2
target=$3
notes=$4
old=$7
enter "$notes" 700
lock
look "$folder"
case $link in
"$old") ;;
# This very job may have moved it over a link that was lost.
"$target")
    enter "$notes"
    if [ -f "./$name.json" ] && [ "$(sum "./$name.json")" = "$6" ]; then
        echo "done"
        exit 0
    fi
    fail 76 "somebody else has moved it there meanwhile"
    ;;
'') fail 76 "somebody else has taken it away meanwhile" ;;
*) fail 76 "it leads to another path by now: $link (made $(whose "./$name"))" ;;
esac
enter "$notes"
unchanged "$5" "$6"
note=$name.json
new_note "$6" moved
enter "$folder"
rm -f "./.$name.new"
ln -s -n "$target" "./.$name.new" || fail 74 "no link can be made in $folder; nothing was moved"
# A note that is of another path than the link leads to is no note, so for a moment the pin has none.
enter "$notes"
mv -f "./$note.new" "./$note" || fail 74 "the note can't be put into $notes; nothing was moved"
enter "$folder"
mv -fT "./.$name.new" "./$name" || fail 74 "the link $folder/$name can't be moved"
{ sync . 2>/dev/null || sync; }
[ "$(readlink "./$name")" = "$target" ] || fail 74 "the link $folder/$name is not what was made"
echo "done"
