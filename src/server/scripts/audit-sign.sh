# $1: the log. On stdin: a signature over one of its lines, as a JSON object on one line. Appends it to the file of signatures
# beside the log.
set -u
umask 077
file=$1.signed
line=$(cat) || exit 74
open_log "$file"
# A line that was cut off by a crash is closed.
if [ -s "$file" ] && [ "$(tail -c 1 "$file" | wc -l)" != 1 ]; then echo >&9 || fail 74 "there is no room for a signature"; fi
printf '%s\n' "$line" >&9 || fail 74 "the signature could not be written"
[ "$(tail -n 1 "$file")" = "$line" ] || fail 74 "the signature is not there whole"
sync "$file" 2>/dev/null || sync
