# Put behind folder.sh, before the scripts that remove what was installed.
set -u
[ "$(id -u)" = 0 ] || fail 77 "it takes root's rights"
# Files, each with its SHA-256 as it was shown, `absent`, or `-`. Ends where one is not as it was shown; one that is gone is no matter.
unchanged() {
    while [ $# -ge 2 ]; do
        if [ -L "$1" ] || { [ -e "$1" ] && ! [ -f "$1" ]; }; then fail 76 "$1 is no plain file by now"; fi
        if [ "$2" = absent ] && [ -e "$1" ]; then fail 76 "somebody else has made $1 meanwhile, $(whose "$1")"; fi
        if [ "$2" != - ] && [ -e "$1" ] && [ "$(sha256sum <"$1" | cut -d ' ' -f 1)" != "$2" ]; then
            fail 76 "somebody else has changed $1 meanwhile, $(whose "$1")"
        fi
        shift 2
    done
}
# The same files: they go, and a folder that is empty then.
gone() {
    while [ $# -ge 2 ]; do
        if [ -e "$1" ]; then
            enter "${1%/*}"
            rm -f "./${1##*/}" || fail 74 "$1 can't be removed"
        fi
        shift 2
    done
}
# A folder goes where nothing is left in it.
emptied() {
    if [ -d "$1" ]; then
        enter "${1%/*}"
        rmdir "./${1##*/}" 2>/dev/null || :
    fi
}
