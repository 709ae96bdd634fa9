# $1: the folder of pins. $2: name. $3: store path. $4: the folder of notes. $5: how the pin was shown: `absent`, `bare` or the
# SHA-256 of its note; if it is something else now, nothing is changed, and the note that is there comes on stdout. $6: the SHA-256
# of the new note, which comes on stdin. A link that is there already is never replaced.
set -u
umask 022
folder=$1
name=$2
target=$3
notes=$4
if [ -L "$folder" ]; then fail 65 "$folder is a symbolic link, and Nix does not look for roots behind one"; fi
[ -d "${folder%/*}" ] || fail 66 "there is no folder ${folder%/*}, so nothing in it would be a root"
there() { [ -L "./$name" ] && [ "$(readlink "./$name")" = "$target" ]; }
enter "$notes" 700
lock
enter "$folder" 755
look "$folder"
enter "$notes"
if [ -n "$link" ] && [ "$link" != "$target" ] && ! [ -f "./$name.json" ]; then
    fail 65 "something else is at $folder/$name"
fi
unchanged "$5" "$6"
enter "$folder"
if [ -e "./$name" ] || [ -L "./$name" ]; then
    there || fail 65 "something else is at $folder/$name"
fi
# The note first: a link without one is a pin of nobody.
note=$name.json
enter "$notes"
new_note "$6" pinned
mv -f "./$note.new" "./$note" || fail 74 "the note can't be put into $notes; nothing was pinned"
enter "$folder"
# Making a link fails where anything is; `-n` so that it is not made inside of a folder that a link leads to.
if ! there && ! ln -s -n "$target" "./$name"; then
    enter "$notes"
    rm -f "./$note"
    fail 74 "the link $folder/$name can't be made; nothing was pinned"
fi
{ sync . 2>/dev/null || sync; }
there || fail 74 "the link $folder/$name is not what was made"
