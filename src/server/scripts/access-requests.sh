# $1: the folder of requests. What lies there: for each file its folder, name, time, owner, number of lines, and its first line.
queue=$1
echo storekeeper-answer
say() { printf '%s=%s\n' "$1" "$2"; }
if ! [ -d "$queue" ]; then
    say state missing
    echo end=
    exit 0
fi
if ! cd "$queue" || ! [ -r . ]; then
    say why "the folder $queue can't be read without root's rights"
    echo end=
    exit 0
fi
for folder in waiting approved denied revoked; do
    [ -d "$folder" ] || continue
    if ! [ -r "$folder" ] || ! [ -x "$folder" ]; then
        say why "the folder $queue/$folder can't be read without root's rights"
        continue
    fi
    # The folder of what waits belongs to another user: no links are followed there, and nothing large is read.
    find "$folder" -maxdepth 1 -type f -name 'key-*.json' -size -17 \
        -exec stat -c 'time=%n %Y %u' -- {} + 2>/dev/null
    find "$folder" -maxdepth 1 -type f -name 'key-*.json' -size -17 \
        -exec grep -c -a '' -- /dev/null {} + 2>/dev/null | sed 's/^/lines=/'
    find "$folder" -maxdepth 1 -type f -name 'key-*.json' -size -17 \
        -exec grep -m 1 -a '' -- /dev/null {} + 2>/dev/null | sed 's/^/json=/'
done
echo end=
