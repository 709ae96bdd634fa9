# $1: the audit log. Says which collections have left their list of paths beside it, and which of them still run.
set -u
echo storekeeper-answer
folder=${1%/*}
if [ -e "$folder" ] && ! { [ -r "$folder" ] && [ -x "$folder" ]; }; then echo problem=hidden; fi
for file in "$folder"/collect-*.paths; do
    [ -f "$file" ] || continue
    state=unknown
    if command -v flock >/dev/null 2>&1; then
        if flock -n "$file" true 2>/dev/null; then state=left; else state=running; fi
    fi
    printf 'state=%s\n' "$state"
    printf 'header=%s\n' "$(head -n 1 "$file" | head -c 4096)"
done
echo end=
