# $1: seconds that it may take. Counts the files of the store's `.links` folder, and what their links save.
set -f
echo storekeeper-answer
links=$directory/.links
say folder "$links"
if [ "$plain" != yes ]; then
    say store "$store"
elif ! [ -d "$links" ]; then
    # Nix makes it when it first links.
    if [ -x "$directory" ]; then say state none; else say state hidden; fi
elif ! [ -r "$links" ] || ! [ -x "$links" ]; then
    say state hidden
else
    limit=
    if have timeout; then limit="timeout $1"; fi
    sizes() {
        # Not every `find` can print.
        if find "$links" -prune -printf '' >/dev/null 2>&1; then
            $limit find "$links" -mindepth 1 -maxdepth 1 -type f -printf '%n %s\n'
        else
            $limit find "$links" -mindepth 1 -maxdepth 1 -type f -exec stat -c '%h %s' {} +
        fi
        echo "status $?"
    }
    # One link is the one in the folder itself, the next one is that of the file; only more save anything. Numbers as text:
    # some awks write large ones as 1e+15.
    say sum "$(sizes 2>/dev/null | awk '
        $1 == "status" { status = $2; next }
        { files++; if ($1 > 2) saved += ($1 - 2) * $2 }
        END { printf "%.0f %.0f %d\n", files, saved, status }')"
fi
echo end=
