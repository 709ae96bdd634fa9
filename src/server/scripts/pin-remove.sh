# $1: the folder of pins. $2: name. $3: the store path that it leads to. $4: the folder of notes. $5: how the pin was shown: `bare`
# or the SHA-256 of its note; if it is something else now, nothing is changed, and the note that is there comes on stdout.
# Says `gone` on the last line where it was gone already, else `done`.
set -u
name=$2
said=gone
notes=$4
if [ -d "$notes" ]; then
    enter "$notes"
    lock
fi
look "$1"
if [ -n "$link" ]; then
    made=$(whose "./$name")
    if [ -d "$notes" ]; then enter "$notes"; fi
    if [ "$link" != "$3" ]; then
        note
        fail 76 "it leads to another path by now: $link (made $made)"
    fi
    unchanged "$5" "$5"
    enter "$1"
    rm -f "./$name" || exit 74
    said="done"
elif [ -e "$1/$name" ]; then
    fail 65 "$1/$name is not a link, and stays"
fi
if [ -d "$notes" ]; then
    enter "$notes"
    rm -f "./$name.json"
fi
echo "$said"
