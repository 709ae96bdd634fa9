# $1: the script that reads a key file. $2: the file after its links.
# Says what is in it and nothing else. The owner of its folder may put a pipe there at this moment, and opening that waits.
echo storekeeper-answer
briefly=
if timeout 9 true 2>/dev/null; then briefly='timeout 30'; fi
# shellcheck disable=SC2086
$briefly sh -c "$1" storekeeper "$2" || echo "content-why=it can't be read"
echo end=
