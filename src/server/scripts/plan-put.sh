# Put behind plan-folder.sh. $1: the folder of plans. $2: the id of one. $3: the SHA-256 of its text, which comes on stdin.
set -u
umask 077
plans "$1" 700
name=./$2.json
# This very job may have written it over a link that was lost.
if [ "$(sum_of "$name")" = "$3" ]; then
    echo "done"
    exit 0
fi
if [ -e "$name" ] || [ -L "$name" ]; then fail 73 "there is a plan of this id already"; fi
set -- "$1" "$2" "$3" ./*.json
if [ $# -gt 103 ]; then fail 73 "100 plans wait already; confirm or drop some first"; fi
rm -f "$name.new"
(set -C && cat >"$name.new") && [ "$(sum_of "$name.new")" = "$3" ] && { sync "$name.new" 2>/dev/null || sync; } &&
    mv "$name.new" "$name" || {
    rm -f "$name.new"
    fail 74 "the plan can't be written to $1"
}
{ sync . 2>/dev/null || sync; }
echo "done"
