# Put behind plan-folder.sh. $1: the folder of plans. $2: the name of a file there. $3: the SHA-256 of what was shown.
set -u
plans "$1"
now=$(sum_of "./$2")
case $now in
"$3")
    rm -f "./$2" || fail 74 "the plan can't be removed from $1"
    rm -f "./${2%%.*}.paths"
    ;;
'') echo gone ;;
*) fail 76 "it is not the plan that was shown, and was written $(whose "./$2")" ;;
esac
