# $1: the audit log. Which jobs have left a file beside it.
set -u
echo storekeeper-answer
folder=${1%/*}
if [ -e "$folder" ] && ! { [ -r "$folder" ] && [ -x "$folder" ]; }; then echo problem=hidden; fi
jobs "$folder" keep
echo end=
