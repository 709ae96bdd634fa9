# Run by access-facts.sh and access-look-file.sh for each key file. $1: the file after its links.
# Up to 2 MiB it says all of the file; of a larger one the lines that can hold a key, with their numbers: the blob of a key begins
# with the length of its type's name, which base64 writes as AAAA. What is read is what was looked at: it is opened once.
LC_ALL=C
export LC_ALL
say() { printf '%s=%s\n' "$1" "$2"; }
if ! [ -r "$1" ]; then
    say content-why "it can't be read without root's rights"
    exit 0
fi
exec 2>/dev/null <"$1" || exit 1
if ! [ -f /proc/self/fd/0 ]; then
    say content-why "it is not a regular file"
    exit 0
fi
size=$(stat -L -c %s /proc/self/fd/0) || exit 1
if [ "$size" -le 2097152 ]; then
    content=$(base64) || exit 1
    # Its lines, one behind the other.
    # shellcheck disable=SC2086
    say content "$(printf %s $content)"
    exit 0
fi
digest=$(sha256sum </proc/self/fd/0) || exit 1
say size "$size"
say sha256 "${digest%% *}"
# The last line says how it ended; where it is not there the lines are too many.
lines=$({
    grep -a -n AAAA
    echo "end:$?"
} | head -c 16777217 | base64) || exit 1
say lines "$(printf %s "$lines" | tr -d '\n')"
# `grep` gives the last line an end that it may not have.
if [ -n "$(tail -c 1 "$1")" ]; then say unended "$(grep -a -c '' "$1")"; fi
