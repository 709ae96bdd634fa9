# $1: the retention policy. Hands it out, so much of it as is read.
file=$1
folder=${1%/*}
echo storekeeper-answer
say() { printf '%s=%s\n' "$1" "$2"; }
if [ -f "$file" ] && [ -r "$file" ]; then
    say state read
    say sha256 "$(sha256sum 2>/dev/null <"$file" | cut -d ' ' -f 1)"
    say content "$(head -c 65537 "$file" 2>/dev/null | base64 2>/dev/null | tr -d '\n')"
elif [ -e "$file" ] || { [ -d "$folder" ] && ! [ -x "$folder" ]; }; then
    say state hidden
else
    say state none
fi
echo end=
