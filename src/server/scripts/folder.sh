# Put before the scripts that write files. They must not be led astray by whoever owns a folder on the way: so a path is
# followed one name at a time, each folder is entered and then looked at from within, and from there names are relative to it.
fail() {
    echo "$2" >&2
    exit "$1"
}
# Whose rights we have.
me=$(stat -L -c %u /proc/self) || fail 69 "stat does not work there"

# $1: an absolute path. $2: the id of the account whose file it is, or nothing. Goes as far as only root and this login can have
# put the folders there, or to the first folder of that account. Sets `name`, the rest of the path from the folder it stopped
# in: a file's name, or a folder that is missing and what follows; `holder`, whose folder that is; `shared`, whether others may
# make files in it. Where it meets somebody else's folder it says so in `refusal`.
walk() {
    rest=$1
    account=${2:-$me}
    links=0
    cd / || return 1
    while :; do
        refusal="the folder $PWD can't be looked at"
        found=$(stat -c '%u %a' .) || return 1
        holder=${found% *}
        found=${found#* }
        shared=no
        case $found in *[2367]? | *[2367]) shared=yes ;; esac
        if [ "$holder" = "$account" ] && [ "$holder" != "$me" ]; then
            name=$rest
            return 0
        fi
        refusal="the folder $PWD belongs to $(stat -c %U .), who could put other files in the way; only folders of root$(owners) are trusted"
        case $holder in 0 | "$me") ;; *) return 1 ;; esac
        if [ "$shared" = yes ]; then
            # In a sticky folder nobody can put another in the place of what is not theirs.
            refusal="others may write in the folder $PWD (mode $found), so they could put other files in the way; take that right away"
            case $found in [1357]???) ;; *) return 1 ;; esac
        fi
        while :; do case $rest in /*) rest=${rest#/} ;; *) break ;; esac done
        part=${rest%%/*}
        more=
        case $rest in */*) more=${rest#*/} ;; esac
        case $part in
        '' | .)
            if [ -z "$more" ]; then
                name=
                return 0
            fi
            rest=$more
            continue
            ;;
        ..)
            cd -P .. || return 1
            rest=$more
            continue
            ;;
        esac
        if [ -L "./$part" ]; then
            links=$((links + 1))
            refusal="symbolic links lead from $1 in a circle"
            [ $links -le 40 ] || return 1
            refusal="the symbolic link ${PWD%/}/$part was made by somebody else"
            case $shared-$(stat -c %u "./$part") in no-* | yes-0 | "yes-$me" | "yes-$account") ;; *) return 1 ;; esac
            refusal="the symbolic link ${PWD%/}/$part can't be read"
            link=$(readlink "./$part") && [ -n "$link" ] || return 1
            case $link in /*) cd / || return 1 ;; esac
            rest=$link${more:+/$more}
            continue
        fi
        if [ -z "$more" ] || ! [ -e "./$part" ]; then
            name=$rest
            return 0
        fi
        above=${PWD%/}
        refusal="$above/$part can't be entered, or was replaced at this moment"
        cd -P "./$part" 2>/dev/null && [ "$PWD" = "$above/$part" ] || return 1
        rest=$more
    done
}
owners() {
    if [ "$account" != 0 ]; then printf ' and of %s' "$(id -un "$account" 2>/dev/null || echo "$account")"; fi
}

# $1: a folder. $2: the mode of those that are made on the way. Goes into it, where only root and this login can change it.
enter() {
    walk "$1/." || fail 77 "$refusal"
    while [ -n "$name" ] && [ "$name" != . ]; do
        part=${name%%/*}
        name=${name#*/}
        mkdir -m "$2" "./$part" 2>/dev/null || [ -d "./$part" ] || fail 73 "the folder ${PWD%/}/$part can't be made"
        cd -P "./$part" || fail 73 "the folder ${PWD%/}/$part can't be entered"
        shared=no
    done
    [ "$shared" = no ] || fail 77 "others may make files in $1; give it a mode without that right"
}
