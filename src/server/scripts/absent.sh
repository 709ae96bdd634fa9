# $1: the real folder of a store. On stdin: base names, one a line. Prints those of which something is in the folder, be it a link
# that leads nowhere. Nothing is opened.
set -u
dir=$1
[ -d "$dir" ] || exit 66
echo storekeeper-answer
dir=$dir awk '{ print ENVIRON["dir"] "/" $0 }' | tr '\n' '\0' |
    xargs -0 sh -c 'find "$@" -maxdepth 0 -print 2>/dev/null' find | sed 's|.*[/ ]|there=|'
echo end=
