#!/bin/sh
# $1: days. $2: the store's folder. $3: Nix's folder of roots. $4: the nix command, `nix` by default.
# Keeps what was registered within so many days from being collected: makes it a GC root, and lets it go afterwards. Installed by
# storekeeper as a timer; below storekeeper-lease in the folder of roots there is a folder for each day, with a link for each path.
# Where Nix does not say when something was registered, it is kept as if that were today, and nothing goes. How it went is in
# storekeeper-lease.state beside that folder, for `storekeeper status`: the time, and a line that says what is wrong.
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

outcome=$lease.state
problem=$lease.problem
: >"$problem" || exit 73
if ! [ -r "$store" ] || ! [ -x "$store" ]; then echo "$store can't be read" >>"$problem"; fi

# Newer versions of Nix want an option that names the form of JSON, and older ones do not know that option. Any will do.
form=
for number in 1 2 3; do
    said=$("$nix" --extra-experimental-features nix-command path-info --json --json-format "$number" /nix/store/none </dev/null 2>&1)
    case $said in
    *unrecogni[sz]ed*) break ;;
    *json-format*) ;;
    *) form="--json-format $number" && break ;;
    esac
done

# Asks about some paths. $1: the nix command. $2: the option of the form. $3: where a problem is written down. The rest: paths.
# shellcheck disable=SC2016 # It is run by another shell.
ask='
    nix=$1
    form=$2
    problem=$3
    shift 3
    if [ $# = 0 ]; then exit 0; fi
    # The option is two words, or none.
    if answer=$("$nix" --extra-experimental-features nix-command --option substitute false path-info --json $form "$@" 2>"$problem.said"); then
        case $answer in
        *"\"registrationTime\":"*) fine=yes ;;
        *"\"narHash\""*) fine= && echo "nix path-info does not say when paths were registered" >>"$problem" ;;
        *) fine=yes ;;
        esac
    else
        fine=
        { grep -m 1 "^error" "$problem.said" || tail -n 1 "$problem.said"; } >>"$problem"
        # Without a word it has failed all the same.
        if ! [ -s "$problem" ]; then echo "$nix path-info fails" >>"$problem"; fi
    fi
    if [ "$fine" = yes ]; then printf "%s\n" "$answer"; else printf "storekeeper-unknown %s\n" "$@"; fi'

# The entries that the file system has changed since, with a day to spare: fewer questions for Nix, which knows the time.
find "$store/." -mindepth 1 -maxdepth 1 ! -name '*[!0-9A-Za-z+._?=-]*' ! -name '.*' ! -name '*.lock' ! -name '*.chroot' \
    -ctime "-$((days + 2))" 2>/dev/null |
    sed -n 's|^.*/\([0-9abcdfghijklmnpqrsvwxyz]\{32\}-.*\)$|/nix/store/\1|p' |
    xargs -n 200 sh -c "$ask" sh "$nix" "$form" "$problem" |
    # The text of JSON is cut at each brace. In some versions the path stands within the braces, in others before them, in some
    # without the folder. Other objects within a path have no time of registration.
    tr '{' '\n' | awk -v since="$since" -v now="$now" '
        /^storekeeper-unknown / { printf "%d %s\n", now / 86400, substr($2, 12); next }
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

# What could not be looked at may be what is in the oldest folders.
if [ -s "$problem" ]; then
    line=$(head -n 1 "$problem" | cut -c 1-300)
    echo "everything is kept: $line" >&2
else
    line=
fi
rm -f "$problem" "$problem.said"
printf '%s\n%s\n' "$now" "$line" >"$outcome.new" && mv -f "$outcome.new" "$outcome"
if [ -n "$line" ]; then exit 0; fi

# Whole days go when their last second is older.
for folder in "$lease"/*; do
    day=${folder##*/}
    case $day in '' | *[!0-9]*) continue ;; esac
    if [ $(((day + 1) * 86400)) -le "$since" ]; then
        find "$folder/." -mindepth 1 -maxdepth 1 -type l -exec rm -f {} +
        rmdir "$folder"
    fi
done
