# Put behind sshd.sh and folder.sh, before the scripts that change what sshd reads; their `back` takes that back.
# Whether the process $1 is sshd. Its program may be gone from the disk after an upgrade.
is_sshd() {
    case $(readlink "/proc/$1/exe") in
    */sshd | */sshd' (deleted)') ;;
    *) return 1 ;;
    esac
}
# Needs `effective`. Where no sshd listens above this connection, sets listener to the one that has left its number in the file
# for that; there is none where each connection has an sshd of its own, which reads the configuration as it is.
find_listener() {
    keyword pidfile
    case $value in '' | none) return ;; esac
    number=
    IFS= read -r number 2>/dev/null <"$value" || :
    case $number in '' | *[!0-9]*) return ;; esac
    # The number may be another process's by now, or that of one connection.
    is_sshd "$number" || return 0
    arguments "$number"
    if [ -n "$line" ]; then listener=$number; fi
}
# Has the running sshd read its configuration anew. $1: what has become of the change where it does not.
reload() {
    if [ -z "$listener" ]; then find_listener; fi
    if [ -z "$listener" ]; then return 0; fi
    is_sshd "$listener" || {
        back
        fail 65 "the process $listener is not sshd any more, so $1"
    }
    kill -HUP "$listener" || {
        back
        fail 75 "sshd can't reload its configuration, so $1"
    }
    # It replaces itself under the same number; gone would be gone for all.
    sleep 1
    if ! [ -e "/proc/$listener/exe" ]; then
        back
        systemctl restart ssh.service >/dev/null 2>&1 || systemctl restart sshd.service >/dev/null 2>&1
        fail 75 "sshd ended when it read its configuration, so that was taken back; keep this session open and look at sshd"
    fi
    echo reloaded
}
