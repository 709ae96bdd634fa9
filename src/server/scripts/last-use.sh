# $1: the real folder of a store. $2: `all`, or `some`: base names on stdin, one a line.
# Says under which options the store is mounted, then the access time of each top entry. Nothing below is opened: that
# would move it. Names with other characters than those of store paths are left out, so that each line is one entry.
set -u
dir=$1
echo storekeeper-answer
if ! [ -d "$dir" ]; then
    echo problem=missing
    echo end=
    exit 0
fi
real=$(cd "$dir" 2>/dev/null && pwd -P) || real=$dir
# proc(5), mounts: the last of the longest mount points above it is the one that is seen.
options=$(real=$real awk '{
    mount = $2
    gsub(/\\040/, " ", mount)
    if (mount == "/" || ENVIRON["real"] == mount || index(ENVIRON["real"], mount "/") == 1)
        if (length(mount) >= best) { best = length(mount); found = $4 }
} END { print found }' /proc/self/mounts 2>/dev/null) || options=
printf 'options=%s\n' "$options"
case ,$options, in
,, | *,noatime,* | *,nodiratime,* | *,ro,*)
    echo end=
    exit 0
    ;;
esac
gnu=no
if find . -maxdepth 0 -printf '' 2>/dev/null; then gnu=yes; fi
if [ "$gnu" = no ] && ! stat -c '%X %n' . >/dev/null 2>&1; then
    echo problem=tools
    echo end=
    exit 0
fi
echo times=
case $2-$gnu in
all-yes) find "$dir/." -mindepth 1 -maxdepth 1 ! -name '*[!0-9A-Za-z+._?=-]*' -printf '%A@ %f\n' ;;
all-no) find "$dir/." -mindepth 1 -maxdepth 1 ! -name '*[!0-9A-Za-z+._?=-]*' -exec stat -c '%X %n' {} + ;;
some-*)
    dir=$dir awk '{ print ENVIRON["dir"] "/" $0 }' | tr '\n' '\0' |
        if [ "$gnu" = yes ]; then
            xargs -0 sh -c 'find "$@" -maxdepth 0 -printf "%A@ %f\n"' find
        else
            xargs -0 stat -c '%X %n'
        fi
    ;;
esac 2>/dev/null
# What went away meanwhile is no error.
echo end=
