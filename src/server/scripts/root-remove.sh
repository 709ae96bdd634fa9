# $1: `generation` or `indirect`. $2: the link. $3: the store path that it leads to. $4: the profile of a generation.
# $5: Nix's state folder. Says `gone` on the last line where it was gone already, else `done`.
set -u
kind=$1
link=$2
target=$3
profile=$4
state=$5
fail() {
    echo "$2" >&2
    exit "$1"
}
case $kind in
generation)
    # As nix-env does it: under the lock of the profile, and never the generation that the profile leads to.
    lock=$profile.lock
    tries=0
    while :; do
        exec 9>>"$lock" || fail 73 "the lock $lock can't be made"
        flock -w 30 9 || fail 75 "somebody else changes the profile for more than 30 s"
        # Who had the lock removes its file: then this one is nobody's any more.
        if [ "$(stat -L -c %i /dev/fd/9)" = "$(stat -c %i "$lock" 2>/dev/null)" ]; then break; fi
        tries=$((tries + 1))
        [ "$tries" -lt 5 ] || fail 75 "the lock $lock is taken again and again"
    done
    free() {
        rm -f "$lock"
        # Nix takes a lock file with something in it for one that was removed.
        printf d >&9
    }
    trap free EXIT
    if ! [ -L "$link" ]; then
        echo gone
        exit 0
    fi
    current=$(readlink "$profile") || fail 66 "it is not known which generation $profile leads to"
    case $current in
    "$link" | "${link##*/}") fail 65 "it is the current generation of the profile" ;;
    esac
    [ "$(readlink "$link")" = "$target" ] || fail 65 "it leads to another path by now: $(readlink "$link")"
    rm -f "$link" || fail 74 "$link can't be removed"
    echo "done"
    ;;
indirect)
    if [ -L "$link" ] && [ "$(readlink "$link")" != "$target" ]; then
        fail 65 "it leads to another path by now: $(readlink "$link")"
    fi
    found=no
    for auto in "$state"/gcroots/auto/*; do
        if [ -L "$auto" ] && [ "$(readlink "$auto")" = "$link" ]; then
            rm -f "$auto" || fail 74 "$auto can't be removed"
            found=yes
        fi
    done
    if [ "$found" = yes ]; then echo "done"; else echo gone; fi
    ;;
*) fail 64 "there is no such kind of root" ;;
esac
