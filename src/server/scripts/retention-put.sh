# Put behind folder.sh. $1: the retention policy, or the two-person rule. $2: the SHA-256 of what was shown, or `absent`; if it is something else now, nothing
# is changed. $3: the SHA-256 of the new text, which comes on stdin.
set -u
umask 077
for program in flock sha256sum stat; do
    command -v $program >/dev/null 2>&1 || fail 69 "$program is not installed"
done
enter "${1%/*}" 700
exec 9<. && flock -w 30 9 || fail 69 "somebody else writes in ${1%/*} for more than 30 s"
name=./${1##*/}
if [ -L "$name" ] || { [ -e "$name" ] && ! [ -f "$name" ]; }; then fail 65 "$1 is not a regular file"; fi
now=absent
if [ -e "$name" ]; then now=$(sha256sum <"$name" | cut -d ' ' -f 1); fi
# This very job may have written it over a link that was lost.
case $now in
"$3")
    echo "done"
    exit 0
    ;;
"$2") ;;
absent) fail 76 "somebody else has taken it away meanwhile" ;;
*) fail 76 "somebody else has changed it meanwhile, $(whose "$name")" ;;
esac
rm -f "$name.new"
cat >"$name.new" && [ "$(sha256sum <"$name.new" | cut -d ' ' -f 1)" = "$3" ] && { sync "$name.new" 2>/dev/null || sync; } &&
    mv -f "$name.new" "$name" || {
    rm -f "$name.new"
    fail 74 "$1 can't be written; it is as it was"
}
{ sync . 2>/dev/null || sync; }
echo "done"
