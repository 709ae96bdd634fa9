# $1: the folder of requests. $2: how many waiting ones are read at most. $3: the audit log, of which the last records of authorized
# keys are given, but for those that are very long, and the beginnings of those of reviews. What lies in the folder: for each file its folder, name, time,
# owner, number of lines, and its first line; how many requests the knock dropped, and how many files were not read.
queue=$1
most=$2
audit=$3
echo storekeeper-answer
say() { printf '%s=%s\n' "$1" "$2"; }
# Of a pipe that is put there at this moment nobody would see the end.
briefly=
if timeout 9 true 2>/dev/null; then briefly='timeout 20'; fi
if [ -f "$audit" ] && [ -r "$audit" ]; then
    # shellcheck disable=SC2086
    $briefly tail -c 1048576 -- "$audit" 2>/dev/null |
        sed -n -e '/"change":"\(authorize\|approve\)"/{/^.\{4000\}/!s/^/audit=/p;}' \
            -e '/"result":"done"/s/^\(.*"change":"review"\),.*/review=\1}/p' | tail -n 500
fi
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
# The folder of what waits belongs to another user, who can put anything there: no links are followed, nothing large is read,
# not many are read, and those that an administrator has written come first.
waiting() {
    find waiting -maxdepth 1 -type f -name 'key-*.json' ! -name '*[!A-Za-z0-9._-]*' -size -17 "$@" 2>/dev/null
}
for folder in waiting approved denied revoked; do
    [ -d "$folder" ] || continue
    if ! [ -r "$folder" ] || ! [ -x "$folder" ]; then
        say why "the folder $queue/$folder can't be read without root's rights"
        continue
    fi
    if [ "$folder" = waiting ]; then
        # Their names have no blanks.
        files=$({ waiting -user 0 && waiting ! -user 0; } | head -n "$most")
        # shellcheck disable=SC2086
        set -- $files
        all=$(waiting | wc -l)
        if [ "$all" -gt "$most" ]; then say unread $((all - most)); fi
        find waiting -maxdepth 1 -type f -name dropped -size -2 -exec $briefly head -c 80 {} \; 2>/dev/null | sed -n '1s/^/dropped=/p'
        if [ $# -gt 0 ]; then
            stat -c 'time=%n %Y %u' -- "$@" 2>/dev/null
            # shellcheck disable=SC2086
            $briefly grep -c -a '' -- /dev/null "$@" 2>/dev/null | sed 's/^/lines=/'
            # shellcheck disable=SC2086
            $briefly grep -m 1 -a '' -- /dev/null "$@" 2>/dev/null | sed 's/^/json=/'
        fi
        continue
    fi
    find "$folder" -maxdepth 1 -type f -name 'key-*.json' -size -17 \
        -exec stat -c 'time=%n %Y %u' -- {} + 2>/dev/null
    find "$folder" -maxdepth 1 -type f -name 'key-*.json' -size -17 \
        -exec grep -c -a '' -- /dev/null {} + 2>/dev/null | sed 's/^/lines=/'
    find "$folder" -maxdepth 1 -type f -name 'key-*.json' -size -17 \
        -exec grep -m 1 -a '' -- /dev/null {} + 2>/dev/null | sed 's/^/json=/'
done
echo end=
