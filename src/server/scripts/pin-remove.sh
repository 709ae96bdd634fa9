# $1: the folder of pins. $2: name. $3: the store path that it leads to. $4: the folder of notes.
# Says `gone` on the last line where it was gone already, else `done`.
set -u
name=$2
said=gone
notes=$4
if [ -d "$1" ]; then
    enter "$1"
    if [ -L "./$name" ]; then
        if [ "$(readlink "./$name")" != "$3" ]; then fail 65 "it leads to another path by now: $(readlink "./$name")"; fi
        rm -f "./$name" || exit 74
        said="done"
    elif [ -e "./$name" ]; then
        fail 65 "$1/$name is not a link, and stays"
    fi
fi
if [ -d "$notes" ]; then
    enter "$notes"
    rm -f "./$name.json"
fi
echo "$said"
