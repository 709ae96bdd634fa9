# $1: the real folder of a store. On stdin: base names, one a line. Prints those of which nothing is in the folder.
set -u
cd "$1" || exit 66
echo storekeeper-answer
while IFS= read -r name; do
    # A link that leads nowhere is there all the same.
    [ -e "./$name" ] || [ -L "./$name" ] || printf 'absent=%s\n' "$name"
done
echo end=
