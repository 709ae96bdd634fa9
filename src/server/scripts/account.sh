# Put after folder.sh, before the scripts that act with the rights of another account.
# $1: the account's name. $2: its id. $3: a script; the rest: its arguments, at most thirteen. Runs that script with the rights of
# that account and no others, in the folder that we are in, and ends as it does. The account's owner can hold such a
# process up, or answer in its place: so it gets two minutes, nothing of the environment, and no file but input and output.
as_account() {
    user=$1
    id=$2
    script=$3
    shift 3
    group=$(id -g "$user") || fail 67 "there is no account $user"
    limit=
    if timeout 9 true 2>/dev/null; then limit='timeout -k 5 110'; fi
    if setpriv --reuid "$id" --regid "$group" --init-groups true 2>/dev/null; then
        # shellcheck disable=SC2086
        $limit setpriv --reuid "$id" --regid "$group" --init-groups --no-new-privs \
            env -i LC_ALL=C PATH="$PATH" sh -c "$script" storekeeper "$@"
        ended $?
    fi
    # Its arguments would be taken for options by some, so they go through the environment.
    if su -s /bin/sh "$user" -c true </dev/null >/dev/null 2>&1; then
        # shellcheck disable=SC2016,SC2086
        $limit env -i LC_ALL=C path="$PATH" script="$script" a="${1-}" b="${2-}" c="${3-}" d="${4-}" e="${5-}" f="${6-}" \
            g="${7-}" h="${8-}" i="${9-}" j="${10-}" k="${11-}" l="${12-}" m="${13-}" su -s /bin/sh "$user" -c '
                PATH=$path
                export PATH
                exec sh -c "$script" storekeeper "$a" "$b" "$c" "$d" "$e" "$f" "$g" "$h" "$i" "$j" "$k" "$l" "$m"'
        ended $?
    fi
    fail 77 "neither setpriv nor su can act as $user there, and root does not write in a folder of $user"
}
ended() {
    case $1 in
    124 | 137) fail 75 "what runs there with the rights of $user did not end within two minutes, and was ended" ;;
    esac
    exit "$1"
}
