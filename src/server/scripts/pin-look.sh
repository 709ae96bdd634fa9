# Put before the scripts of pins. Notes are changed by one at a time, and only while a pin is what was shown.
command -v sha256sum >/dev/null 2>&1 || fail 69 "sha256sum is not installed"
command -v flock >/dev/null 2>&1 || fail 69 "flock is not installed"
sum() { sha256sum <"$1" | cut -d ' ' -f 1; }
# In the folder of notes: nobody else changes one until this script ends.
lock() { exec 9<. && flock -w 30 9 || fail 69 "somebody else changes pins for more than 30 s"; }
# $1: the folder of pins, which may be missing. Sets `link`: what its link of this name leads to, or nothing.
look() {
    link=
    if [ -d "$1" ]; then
        enter "$1"
        link=$(readlink "./$name") || link=
    fi
}
# In the folder of notes: what is there, on one line.
note() { if [ -f "./$name.json" ]; then head -c 16384 "./$name.json" | tr '\n\r' '  '; fi; }
# In the folder of notes: the note that comes on stdin, beside its place, whole and on the disk. $1: its SHA-256. $2: what was not done.
new_note() {
    rm -f "./$name.json.new"
    (umask 077 && cat >"./$name.json.new") && [ "$(sum "./$name.json.new")" = "$1" ] && { sync "./$name.json.new" 2>/dev/null || sync; } ||
        { rm -f "./$name.json.new"; fail 74 "there is no room for the note in $notes; nothing was $2"; }
}
# In the folder of notes, after a look at the link. $1: how the pin was shown: `absent`, `bare` or the SHA-256 of its note. $2: the
# SHA-256 of a note that is no surprise either, since this very job may have written it over a link that was lost.
unchanged() {
    now=absent
    if [ -n "$link" ] && [ -f "./$name.json" ]; then
        now=$(sum "./$name.json")
    elif [ -n "$link" ]; then
        now=bare
    fi
    case $now in "$1" | "$2") return ;; esac
    case $now in
    absent) fail 76 "somebody else has taken it away meanwhile" ;;
    bare) fail 76 "somebody else has changed it meanwhile, and it has no note" ;;
    esac
    note
    fail 76 "somebody else has changed it meanwhile"
}
