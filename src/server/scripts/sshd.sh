# Put before the scripts that ask or change sshd: which sshd serves this connection, and how it is asked for its settings.
# Sets sshd, config, options, listener, connection and assumed: why config and options need not be those of that sshd.
# The sshd processes above this one, one above the other, and of them the topmost: its program and its configuration are those
# that count. An sshd further up belongs to a login from which this server was started.
# $1: a process of sshd. Sets line to the arguments that it was started with. A process that serves one connection shows none: inetd
# and sockets of systemd start one for each, and a listener that was stopped leaves those that it has started.
arguments() {
    line=$(tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline")
    case $line in
    # The listener shows its arguments in its title, cut to their first length.
    'sshd: '*' [listener]'*)
        line=${line#'sshd: '}
        line=${line%%' [listener]'*}
        ;;
    'sshd: '* | 'sshd-session: '*) line= ;;
    esac
}
set -f
newline='
'
listener=
assumed=
connection=${SSH_CONNECTION:-}
pid=$$
while [ "${pid:-0}" -ge 1 ] && [ -d "/proc/$pid" ]; do
    name=
    IFS= read -r name 2>/dev/null <"/proc/$pid/comm" || :
    case $name in
    sshd | sshd-session | sshd-auth) listener=$pid ;;
    *) if [ -n "$listener" ]; then break; fi ;;
    esac
    if [ -z "$connection" ]; then
        # sudo takes the variable away; the shell above it still has it.
        connection=$(tr '\0' '\n' 2>/dev/null <"/proc/$pid/environ" | sed -n 's/^SSH_CONNECTION=//p' | tail -n 1)
    fi
    above=
    while read -r key value rest; do
        if [ "$key" = PPid: ]; then above=$value; fi
    done 2>/dev/null <"/proc/$pid/status"
    pid=$above
done

sshd=
config=
options=
if [ -n "$listener" ]; then
    if program=$(readlink "/proc/$listener/exe" 2>/dev/null); then
        # After an upgrade the running program is not on the disk any more.
        program=${program%' (deleted)'}
        case ${program##*/} in sshd) sshd=$program ;; esac
    fi
    arguments "$listener"
    if [ -z "$line" ]; then
        listener=
        assumed="no sshd listens above the one that serves this connection, which does not show how it was started"
    fi
    previous=
    for word in $line; do
        case $previous in
        f) config=$word ;;
        o) case $word in *=*) options="$options -o $word" ;; esac ;;
        esac
        previous=
        case $word in
        -f | -[46DdeGiqrTt]*f) previous=f ;;
        -o) previous=o ;;
        -[bCcEghkpu]) previous=other ;;
        -f*) config=${word#-f} ;;
        -o*=*) options="$options $word" ;;
        esac
    done
    case $config in
    '' | /*) ;;
    *) config=$(readlink "/proc/$listener/cwd" 2>/dev/null)/$config ;;
    esac
elif [ -n "$connection" ]; then
    assumed="this connection does not come through OpenSSH's sshd"
fi
if ! [ -x "$sshd" ]; then sshd=$(command -v sshd); fi
# $1: a user. Sets `effective` to its settings, as for a connection such as this one; keywords in small letters, which OpenSSH 10.6
# does not use any more. Where sshd fails, that is what it says.
settings_for() {
    who=$1
    # shellcheck disable=SC2086
    set -- $connection
    from=${1:-127.0.0.1}
    # shellcheck disable=SC2086
    effective=$("$sshd" -T ${config:+-f "$config"} $options \
        -C "user=$who,host=$from,addr=$from,laddr=${3:-127.0.0.1},lport=${4:-22}" 2>&1)
    sshd_status=$?
    case $newline$effective in *"$newline"[A-Z]*) ;; *) return $sshd_status ;; esac
    effective=$(printf '%s\n' "$effective" | sed 'h
s/ .*//
y/ABCDEFGHIJKLMNOPQRSTUVWXYZ/abcdefghijklmnopqrstuvwxyz/
x
s/^[^ ]*//
x
G
s/\n//')
    return $sshd_status
}
# Sets `version` to the sshd's name and number, such as OpenSSH_9.2p1.
ask_version() {
    version=
    for word in $("$sshd" -V 2>&1); do
        case $word in OpenSSH_*) version=${word%%,*} ;; esac
    done
}
# $1: a keyword. Sets `value` to what `effective` has for it, a line for each time.
keyword() {
    value=
    IFS=$newline
    for line in $effective; do
        case $line in "$1 "*) value=${value:+$value$newline}${line#* } ;; esac
    done
    unset IFS
}
# $1: a line of the passwd file. Sets id, own (the number of its group) and home.
account() {
    IFS=:
    # shellcheck disable=SC2086 # A field each.
    set -- $1
    unset IFS
    id=${3-}
    own=${4-}
    home=${6-}
}
# $1: a path with tokens, as AuthorizedKeysFile has them. Needs user, id and home, sets path; fails at a token that is not known.
expand() {
    rest=$1
    path=
    while [ -n "$rest" ]; do
        case $rest in
        %h*) path=$path$home ;;
        %u*) path=$path$user ;;
        %U*) path=$path$id ;;
        %%*) path=$path% ;;
        %*) return 1 ;;
        *)
            literal=${rest%%\%*}
            path=$path$literal
            rest=${rest#"$literal"}
            continue
            ;;
        esac
        rest=${rest#??}
    done
    case $path in /*) ;; *) path=$home/$path ;; esac
}
