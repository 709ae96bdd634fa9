# Put behind folder.sh, before the scripts that change plans that wait. $1: their folder. $2: the mode where it is made, or nothing.
# Goes there and takes its lock.
plans() {
    for program in flock sha256sum stat; do
        command -v $program >/dev/null 2>&1 || fail 69 "$program is not installed"
    done
    enter "$@"
    exec 9<. && flock -w 30 9 || fail 69 "somebody else writes in $1 for more than 30 s"
}
# $1: a file here. Its SHA-256; nothing where it is no regular file.
sum_of() {
    if [ -f "$1" ] && ! [ -L "$1" ]; then sha256sum <"$1" | cut -d ' ' -f 1; fi
}
