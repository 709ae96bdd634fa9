# $1: the script that reads a key file. $2: `all`, or `files` where only the key files are asked for. $3: the cache user.
# $4: the user whose login this is. The rest: key files that the administrator has named for the cache user, in place of those
# that sshd reads.
# Says what the sshd that serves this connection does for the cache user, for root and for this login.
read=$1
scope=$2
cache=$3
login=$4
shift 4
named=
for file; do named=$named$file$newline; done
echo storekeeper-answer
say() { printf '%s=%s\n' "$1" "$2"; }

briefly=
if timeout 9 true 2>/dev/null; then briefly='timeout 30'; fi
last_line() { printf '%s\n' "$1" | tr -d '\r' | sed '/^[[:space:]]*$/d' | tail -n 1; }

clock=$(date '+%s %z')
say now "${clock% *}"
say zone "${clock#* }"
if [ -e /etc/NIXOS ] || [ -e /etc/static ]; then say nixos yes; fi

say config "${config:-/etc/ssh/sshd_config}"
say assumed "$assumed"
if [ -n "$sshd" ]; then
    ask_version
    say version "$version"
fi

# --- key files ---------------------------------------------------------------------------------------------------------
# $1: a path. What is there, and every folder above it.
show_file() {
    say file "$1"
    resolved=$(readlink -m -- "$1" 2>/dev/null) || resolved=$1
    case $resolved in
    *"$newline"*)
        say content-why "a symbolic link there has a line end in its target"
        return
        ;;
    esac
    say resolved "$resolved"
    folder=${resolved%/*}
    if [ -w "${folder:-/}" ]; then say writable yes; fi
    set --
    while [ -n "$folder" ]; do
        set -- "$@" "$folder"
        folder=${folder%/*}
    done
    stat -L -c 'dir=%u %g %a %n' -- "$@" / 2>/dev/null
    if ! [ -e "$resolved" ]; then
        # Somebody who may not enter a folder does not see what is in it.
        for folder; do
            if [ -e "$folder" ] && ! [ -x "$folder" ]; then say content-why "the folder $folder can't be entered"; fi
        done
        return
    fi
    say stat "$(stat -L -c '%u %g %a' -- "$resolved" 2>/dev/null)"
    if ! [ -f "$resolved" ]; then
        say content-why "it is not a regular file"
        return
    fi
    # The folder's owner may put a pipe there at this moment, and opening that waits.
    # shellcheck disable=SC2086
    $briefly sh -c "$read" storekeeper "$resolved" || say content-why "it can't be read"
    # What an edit from here has left.
    backup=$resolved.storekeeper-backup
    if [ "$scope" = files ] || [ "$user" != "$cache" ] || [ -L "$backup" ] || ! [ -f "$backup" ]; then return; fi
    say backup-at "$(stat -c %Y -- "$backup" 2>/dev/null)"
    # shellcheck disable=SC2086
    $briefly sh -c "$read" storekeeper "$backup" | sed 's/^/backup-/'
}

# $1: what it is called in the answers. $2: the keyword of settings that names it. A file that sshd reads about certificates or keys;
# what stands in front of the answers is what keeps them apart from those of key files.
show_list() {
    keyword "$2"
    case $value in '' | none) return ;; esac
    if ! expand "$value"; then
        say "$1-content-why" "its name has a token that is not known"
        return
    fi
    say "$1-path" "$path"
    if ! [ -f "$path" ]; then
        say "$1-content-why" "there is no such file"
        # Somebody who may not enter a folder does not see what is in it.
        if [ -x "${path%/*}/" ] && ! [ -e "$path" ]; then say "$1-missing" yes; fi
        return
    fi
    # shellcheck disable=SC2086
    told_list=$($briefly sh -c "$read" storekeeper "$path") || told_list="content-why=it can't be read"
    printf '%s\n' "$told_list" | sed "s/^/$1-/"
}

# Needs entry, effective, user, id, own and home. Runs the forced command as sshd does, by the login shell with the rights of the cache
# user, and greets it as a client does. Only Nix's own servers are run, and only where nothing else stands in the line.
try_service() {
    keyword forcecommand
    force=$value
    case $force in
    '' | none | *[!A-Za-z0-9_./+@=,:\ -]*) return ;;
    esac
    # shellcheck disable=SC2086
    set -- $force
    if [ "$1" = exec ]; then shift; fi
    program=${1##*/}
    case $program/${2-} in
    nix-store/--serve)
        # The magic numbers of the serve protocol, least byte first, and a version.
        hello='\353\235\014\071\0\0\0\0\005\002\0\0\0\0\0\0'
        wanted=cbee525400000000
        ;;
    nix-daemon/--stdio)
        # What it passes on needs a daemon, which is looked at elsewhere: here it has to be found and run.
        force="$1 --version"
        hello=
        wanted=$(printf 'nix-daemon ' | od -An -v -tx1 | tr -d ' \n')
        ;;
    *) return ;;
    esac
    if [ "$(id -u)" != 0 ]; then
        say service-why "only root can act as $user there"
        return
    fi
    if ! setpriv --reuid "$id" --regid "$own" --init-groups true 2>/dev/null; then
        say service-why "there is no setpriv that can act as $user there"
        return
    fi
    shell=${entry##*:}
    shell=${shell:-/bin/sh}
    set -- HOME="$home" USER="$user" LOGNAME="$user" SHELL="$shell" PATH="$login_path" \
        SSH_CLIENT="127.0.0.1 1 22" SSH_CONNECTION="127.0.0.1 1 127.0.0.1 22"
    # What SetEnv says comes last and so counts.
    keyword setenv
    IFS=$newline
    for line in $value; do set -- "$@" "$line"; done
    unset IFS
    soon=
    if timeout 9 true 2>/dev/null; then soon='timeout 10'; fi
    as_sshd() (
        cd "$home" 2>/dev/null || cd / || exit
        # shellcheck disable=SC2059,SC2086
        printf "$hello" | $soon setpriv --reuid "$id" --regid "$own" --init-groups --no-new-privs \
            env -i "$@" "$shell" -c "$force"
    )
    heard=$(as_sshd "$@" 2>/dev/null | head -c 200 | od -An -v -tx1 | tr -d ' \n')
    case $heard in
    "$wanted"*)
        say service answers
        return
        ;;
    *"$wanted"*)
        say service noise
        say service-said "$(as_sshd "$@" 2>/dev/null | head -n 1 | tr -cd '[:print:]' | head -c 60)"
        return
        ;;
    esac
    said=$(as_sshd "$@" 2>&1 >/dev/null)
    status=$?
    said=$(last_line "$said" | head -c 200)
    if [ "$status" = 124 ]; then
        say service-why "it was slow: no answer within 10 s"
    else
        say service fails
        say service-said "${said:-it ended with status $status}"
    fi
}

show_user() {
    user=$1
    say user "$user"
    entry=$(getent passwd "$user" 2>/dev/null) || entry=$(grep "^$user:" /etc/passwd 2>/dev/null)
    if [ -z "$entry" ]; then
        say passwd-why "there is no user $user on the server"
        return
    fi
    entry=${entry%%"$newline"*}
    say passwd "$entry"
    account "$entry"
    say groups "$(id -Gn "$user" 2>/dev/null)"
    say gids "$(id -G "$user" 2>/dev/null)"
    # Debian's sshd lets a group write that only the user is in.
    case $sshd in
    /nix/*) ;;
    *)
        if [ -e /etc/debian_version ] && getent passwd |
            awk -F: -v id="$id" -v own="$own" '$4 == own && $3 != id { others = 1 } END { exit others }'; then
            members=$(getent group "$own")
            case ${members##*:} in '' | "$user") say private-group "$own" ;; esac
        fi
        ;;
    esac
    say home "$(readlink -m -- "$home" 2>/dev/null)"
    files=
    told=
    if [ -z "$sshd" ]; then
        say settings-why "no sshd was found on the server"
    elif settings_for "$user"; then
        told=yes
        printf '%s\n' "$effective" | sed 's/^/T=/'
        keyword authorizedkeysfile
        for file in $value; do
            if [ "$file" = none ]; then continue; fi
            if expand "$file"; then files=$files$path$newline; else say file-why "$file: a token that is not known"; fi
        done
    else
        say settings-why "$(last_line "$effective")"
    fi
    if [ "$user" = "$cache" ] && [ "$scope" = all ] && [ -n "$told" ]; then
        show_list trusted trustedusercakeys
        show_list principals authorizedprincipalsfile
        show_list revoked revokedkeys
        try_service
    fi
    if [ "$user" = "$cache" ] && [ -n "$named" ]; then
        files=$named
    elif [ -z "$told" ]; then
        files=
    fi
    printf '%s' "$files" | while IFS= read -r file; do show_file "$file"; done
}

show_user "$cache"
if [ "$cache" != root ]; then show_user root; fi
if [ "$login" != root ] && [ "$login" != "$cache" ]; then show_user "$login"; fi
say user ''
echo end=
