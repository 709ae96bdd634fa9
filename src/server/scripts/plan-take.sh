# Put behind plan-folder.sh. $1: the folder of plans. $2: the id of one. $3: the SHA-256 of what was shown. $4: until when it may be
# confirmed, in seconds of this clock. $5: the id of the job that runs it. Only one job gets it, and only once: it has another name
# from then on.
set -u
plans "$1"
begun=./$2.begun-$5
# This very job may have taken it over a link that was lost.
if [ "$(sum_of "$begun")" = "$3" ]; then
    echo "done"
    exit 0
fi
now=$(sum_of "./$2.json")
case $now in
"$3") ;;
'')
    set -- "$1" "$2" "$3" "$4" "$5" "./$2".begun-*
    if [ -e "$6" ]; then fail 76 "somebody else has confirmed it meanwhile, $(whose "$6")"; fi
    fail 76 "it does not wait any more: somebody else has confirmed or dropped it meanwhile"
    ;;
*) fail 76 "it is not the plan that was shown, and was written $(whose "./$2.json")" ;;
esac
if [ "$(date +%s)" -gt "$4" ]; then fail 76 "its time has ended"; fi
mv "./$2.json" "$begun" || fail 74 "the plan can't be taken from $1"
{ sync . 2>/dev/null || sync; }
# Who takes it has read that.
rm -f "./$2.paths"
echo "done"
