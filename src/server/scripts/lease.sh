#!/bin/sh
# $1: days. $2: the store's folder. $3: Nix's folder of roots. $4: the nix command, `nix` by default.
# Keeps what was registered within so many days from being collected: makes it a GC root, and lets it go afterwards. Installed by
# storekeeper as a timer; below storekeeper-lease in the folder of roots there is a folder for each day, with a link for each path.
set -u
umask 022
LC_ALL=C
PATH=${PATH:+$PATH:}/run/current-system/sw/bin:/nix/var/nix/profiles/default/bin:/root/.nix-profile/bin:/usr/local/bin:/usr/bin:/bin
export PATH LC_ALL
days=$1
store=$2
roots=$3
nix=${4:-nix}
case $days in '' | *[!0-9]*) echo "$days is no number of days" >&2; exit 64 ;; esac
[ -d "$roots" ] || { echo "there is no folder $roots" >&2; exit 66; }
lease=$roots/storekeeper-lease
mkdir -p "$lease" || exit 73
# Where others may write, a link of theirs could lead anywhere.
me=$(stat -L -c %u /proc/self)
for folder in "$roots" "$lease"; do
    case $(stat -c '%u %A' "$folder") in
    "$me drwx"?-??-?) ;;
    *) echo "$folder has to be a folder that only this user may write" >&2; exit 77 ;;
    esac
done
now=$(date +%s)
since=$((now - days * 86400))

# The entries that the file system has changed since, with a day to spare: fewer questions for Nix, which knows the time.
find "$store/." -mindepth 1 -maxdepth 1 ! -name '*[!0-9A-Za-z+._?=-]*' ! -name '.*' ! -name '*.lock' ! -name '*.chroot' \
    -ctime "-$((days + 2))" 2>/dev/null |
    sed -n 's|^.*/\([0-9abcdfghijklmnpqrsvwxyz]\{32\}-.*\)$|/nix/store/\1|p' |
    xargs -n 200 "$nix" --extra-experimental-features nix-command --option substitute false path-info --json 2>/dev/null |
    # The text of JSON is cut at each brace. In some versions the path stands within the braces, in others before them, in some
    # without the folder. Other objects within a path have no time of registration.
    tr '{' '\n' | awk -v since="$since" '
        { registered = "" }
        match($0, /"path":"\/nix\/store\/[^"]*"/) { path = substr($0, RSTART + 19, RLENGTH - 20) }
        match($0, /"registrationTime":[0-9]+/) { registered = substr($0, RSTART + 19, RLENGTH - 19) }
        registered != "" && registered + 0 >= since + 0 && path ~ /^[0-9a-z]+-[0-9A-Za-z+._?=-]+$/ {
            printf "%d %s\n", registered / 86400, path
        }
        registered != "" { path = "" }
        match($0, /"(\/nix\/store\/)?[0-9a-z]+-[^"\/]*":$/) {
            path = substr($0, RSTART + 1, RLENGTH - 3)
            sub(/^\/nix\/store\//, "", path)
        }' |
    while read -r day path; do
        if [ -L "$lease/$day/$path" ]; then continue; fi
        mkdir -p "$lease/$day" && ln -s -n "/nix/store/$path" "$lease/$day/$path"
    done

# Whole days go when their last second is older.
for folder in "$lease"/*; do
    day=${folder##*/}
    case $day in '' | *[!0-9]*) continue ;; esac
    if [ $(((day + 1) * 86400)) -le "$since" ]; then
        find "$folder/." -mindepth 1 -maxdepth 1 -type l -exec rm -f {} +
        rmdir "$folder"
    fi
done
