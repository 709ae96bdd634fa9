# Run by root-remove.sh, with the rights of the owner of the profile's folder. $1: that folder from here. $2: the link of a
# generation. $3: the store path that it leads to. $4: the profile. $5: when the link was made, as it was shown; empty where that
# is not known: Nix gives the number of a generation that is gone again, and the new one may lead to the same path.
# As nix-env does it: under the lock of the profile, and never the generation that the profile leads to.
set -u
LC_ALL=C
export LC_ALL
link=${2##*/}
target=$3
profile=${4##*/}
made=$5
lock=./$profile.lock
fail() {
    echo "$2" >&2
    exit "$1"
}
# $1: a link. Whose it is and since when.
whose() { echo "by $(stat -c %U "$1"), at $(date -u -d "@$(stat -c %Y "$1")" +%Y-%m-%dT%H:%M:%SZ)"; }
cd -P "./$1" || fail 66 "there is no folder of $4"
tries=0
while :; do
    # Neither for writing nor for reading alone: of a pipe, that would wait for somebody else.
    exec 9<>"$lock" || fail 73 "the lock $4.lock can't be made"
    flock -w 30 9 || fail 75 "somebody else changes the profile for more than 30 s"
    # Who had the lock removes its file: then this one is nobody's any more.
    if [ "$(stat -L -c %i /dev/fd/9)" = "$(stat -c %i "$lock" 2>/dev/null)" ]; then break; fi
    tries=$((tries + 1))
    [ "$tries" -lt 5 ] || fail 75 "the lock $4.lock is taken again and again"
done
free() {
    rm -f "$lock"
    # Nix takes a lock file with something in it for one that was removed.
    printf d >&9
}
trap free EXIT
if ! [ -L "./$link" ]; then
    echo gone
    exit 0
fi
current=$(readlink "./$profile") || fail 66 "it is not known which generation $4 leads to"
case $current in
"$2" | "$link") fail 76 "it is the current generation of the profile (switched $(whose "./$profile"))" ;;
esac
[ "$(readlink "./$link")" = "$target" ] || fail 76 "it leads to another path by now: $(readlink "./$link") (made $(whose "./$link"))"
[ -z "$made" ] || [ "$(stat -c %Y "./$link")" = "$made" ] || fail 76 "it was made anew meanwhile, $(whose "./$link")"
rm -f "./$link" || fail 74 "$2 can't be removed"
echo "done"
