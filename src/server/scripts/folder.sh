# Put before the scripts that write files. They must not be led astray by the owner of a folder on the way: so a path is
# followed one name at a time, each folder is entered and then looked at from within, and from there names are relative to it.
fail() {
    echo "$2" >&2
    exit "$1"
}
# $1: a link. Whose it is and since when.
whose() { echo "by $(stat -c %U "$1"), at $(date -u -d "@$(stat -c %Y "$1")" +%Y-%m-%dT%H:%M:%SZ)"; }
# Whose rights we have.
me=$(stat -L -c %u /proc/self) || fail 69 "stat does not work there"

# $1: an absolute path. $2: the id of the account whose file it is, or nothing. Goes as far as only root and this login can have
# put the folders there, or to the first folder of that account. Sets `behind`, the rest of the path from the folder it stopped
# in: a file's name, or a folder that is missing and what follows; `holder`, whose folder that is; `shared`, whether others may
# make files in it. Where it meets somebody else's folder it says so in `refusal`.
walk() {
    walk_rest=$1
    walk_account=${2:-$me}
    walk_links=0
    cd / || return 1
    while :; do
        refusal="the folder $PWD can't be looked at"
        walk_found=$(stat -c '%u %a' .) || return 1
        holder=${walk_found% *}
        walk_found=${walk_found#* }
        shared=no
        case $walk_found in *[2367]? | *[2367]) shared=yes ;; esac
        if [ "$holder" = "$walk_account" ] && [ "$holder" != "$me" ]; then
            behind=$walk_rest
            return 0
        fi
        case $holder in
        0 | "$me") ;;
        *)
            refusal="the folder $PWD belongs to $(stat -c %U .), who could put other files in the way; only folders of root$(owners) are trusted"
            return 1
            ;;
        esac
        if [ "$shared" = yes ]; then
            # In a sticky folder nobody can put another in the place of what is not theirs.
            refusal="others may write in the folder $PWD (mode $walk_found), so they could put other files in the way; take that right away"
            case $walk_found in [1357]???) ;; *) return 1 ;; esac
        fi
        while :; do case $walk_rest in /*) walk_rest=${walk_rest#/} ;; *) break ;; esac done
        walk_part=${walk_rest%%/*}
        walk_more=
        case $walk_rest in */*) walk_more=${walk_rest#*/} ;; esac
        case $walk_part in
        '' | .)
            if [ -z "$walk_more" ]; then
                behind=
                return 0
            fi
            walk_rest=$walk_more
            continue
            ;;
        ..)
            cd -P .. || return 1
            walk_rest=$walk_more
            continue
            ;;
        esac
        if [ -L "./$walk_part" ]; then
            walk_links=$((walk_links + 1))
            refusal="symbolic links lead from $1 in a circle"
            [ $walk_links -le 40 ] || return 1
            refusal="the symbolic link ${PWD%/}/$walk_part was made by somebody else"
            case $shared-$(stat -c %u "./$walk_part") in no-* | yes-0 | "yes-$me" | "yes-$walk_account") ;; *) return 1 ;; esac
            refusal="the symbolic link ${PWD%/}/$walk_part can't be read"
            walk_link=$(readlink "./$walk_part") && [ -n "$walk_link" ] || return 1
            case $walk_link in /*) cd / || return 1 ;; esac
            walk_rest=$walk_link${walk_more:+/$walk_more}
            continue
        fi
        if [ -z "$walk_more" ] || ! [ -e "./$walk_part" ]; then
            behind=$walk_rest
            return 0
        fi
        walk_above=${PWD%/}
        refusal="$walk_above/$walk_part can't be entered, or was replaced at this moment"
        cd -P "./$walk_part" 2>/dev/null && [ "$PWD" = "$walk_above/$walk_part" ] || return 1
        walk_rest=$walk_more
    done
}
owners() {
    if [ "$walk_account" != 0 ]; then printf ' and of %s' "$(id -un "$walk_account" 2>/dev/null || echo "$walk_account")"; fi
}

# $1: a file. Reads it, but not through a link, and not from a pipe that nobody writes into, where `dd` can tell.
if dd if=/dev/null iflag=nofollow,nonblock 2>/dev/null; then
    copy() { dd if="$1" iflag=nofollow,nonblock bs=65536 2>/dev/null; }
else
    copy() { cat "$1"; }
fi

# $1: a folder. $2: the mode of those that are made on the way, or nothing where it has to be there. Goes into it, where only
# root and this login can change what is in it.
enter() {
    walk "$1/." || fail 77 "$refusal"
    enter_tries=0
    while [ -n "$behind" ] && [ "$behind" != . ]; do
        [ -n "${2-}" ] || fail 66 "there is no folder $1"
        enter_tries=$((enter_tries + 1))
        mkdir -m "$2" "./${behind%%/*}" 2>/dev/null || [ -d "./${behind%%/*}" ] && [ $enter_tries -le 100 ] ||
            fail 73 "the folder ${PWD%/}/${behind%%/*} can't be made"
        # Where others may make files, somebody may have been quicker: whose it is says the way to it.
        walk "$1/." || fail 77 "$refusal"
    done
    [ "$shared" = no ] || fail 77 "others may make files in $1; give it a mode without that right"
}
