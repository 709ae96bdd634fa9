# $1: the folder of pins. $2: the folder of their notes. Lists the links in it, each with its note.
folder=$1
notes=$2
echo storekeeper-answer
say() { printf '%s=%s\n' "$1" "$2"; }
if ! [ -d "$folder" ]; then
    # Made with the first pin. That it is not there is known only where the folder above can be searched.
    if [ -d "${folder%/*}" ] && [ -x "${folder%/*}" ]; then say state none; else say state hidden; fi
elif ! [ -r "$folder" ] || ! [ -x "$folder" ] || ! cd "$folder"; then
    say state hidden
else
    say state read
    for link in *; do
        # Other names are no pins of ours.
        case $link in *[!A-Za-z0-9._+-]*) continue ;; esac
        [ -L "$link" ] || continue
        say pin "$link"
        say target "$(readlink "$link" | tr '\n' ' ')"
        say made "$(stat -c %Y "$link" 2>/dev/null)"
        if [ -r "$notes/$link.json" ]; then
            if command -v sha256sum >/dev/null 2>&1; then
                say sha256 "$(sha256sum <"$notes/$link.json" | cut -d ' ' -f 1)"
            fi
            say note "$(head -c 16384 "$notes/$link.json" 2>/dev/null | tr '\n\r' '  ')"
        fi
    done
fi
echo end=
