# $1: the folder of pins. $2: name. $3: the store path that it leads to. $4: the folder of notes.
# Says `gone` on the last line where it was gone already, else `done`.
set -u
link=$1/$2
note=$4/$2.json
if ! [ -L "$link" ]; then
    if [ -e "$link" ]; then
        echo "$link is not a link, and stays" >&2
        exit 65
    fi
    rm -f "$note"
    echo gone
    exit 0
fi
if [ "$(readlink "$link")" != "$3" ]; then
    echo "it leads to another path by now: $(readlink "$link")" >&2
    exit 65
fi
rm -f "$link" || exit 74
rm -f "$note"
echo "done"
