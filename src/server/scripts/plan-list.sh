# $1: the folder of plans. $2: the id of one. $3: how many bytes are read at most. Hands out the list of paths beside it.
echo storekeeper-answer
list=$1/$2.paths
if [ -f "$list" ] && ! [ -L "$list" ]; then printf 'list=%s\n' "$(head -c "$3" "$list" 2>/dev/null | base64 2>/dev/null | tr -d '\n')"; fi
echo end=
