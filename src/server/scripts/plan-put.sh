# Put behind plan-folder.sh. $1: the folder of plans. $2: the id of one. $3: the SHA-256 of its text, which comes on stdin. $4: how many
# bytes that is. $5: the SHA-256 of the list of paths that comes after it, or nothing where there is none.
set -u
umask 077
plans "$1" 700
name=./$2.json
list=./$2.paths
# This very job may have written it over a link that was lost.
if [ "$(sum_of "$name")" = "$3" ]; then
    echo "done"
    exit 0
fi
if [ -e "$name" ] || [ -L "$name" ]; then fail 73 "there is a plan of this id already"; fi
bytes=$4 text=$3 paths=$5
set -- "$1" ./*.json
if [ $# -gt 101 ]; then fail 73 "100 plans wait already; confirm or drop some first"; fi
# A list without its plan is what a killed job has left.
for other in ./*.paths; do
    if [ -e "${other%.paths}.json" ]; then continue; fi
    rm -f "$other"
done
rm -f "$name.new"
rm -f "$name.new"
refuse() {
    rm -f "$name.new" "$list"
    fail 74 "the plan can't be written to $1"
}
# No reader of ours may take what comes after the text.
(set -C && dd bs=1 count="$bytes" 2>/dev/null >"$name.new") && [ "$(sum_of "$name.new")" = "$text" ] || refuse "$1"
if [ -n "$paths" ]; then
    (set -C && cat >"$list") && [ "$(sum_of "$list")" = "$paths" ] && { sync "$list" 2>/dev/null || sync; } || refuse "$1"
fi
{ sync "$name.new" 2>/dev/null || sync; } && mv "$name.new" "$name" || refuse "$1"
{ sync . 2>/dev/null || sync; }
echo "done"
