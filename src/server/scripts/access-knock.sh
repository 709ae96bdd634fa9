# $1: the script's text. $2: where it goes. $3: the folder of requests. $4: the user that it runs as. $5: the file with the lines
# for sshd. $6: the cache user. On stdin: the lines for sshd. Undone if sshd does not like them, or does not act on them.
set -u
umask 022
text=$1
script=$2
queue=$3
user=$4
lines=$5
cache=$6
config=${config:-/etc/ssh/sshd_config}
[ "$(id -u)" = 0 ] || fail 77 "it takes root's rights"
[ -n "$sshd" ] || fail 69 "no sshd was found"
if ! id "$user" >/dev/null 2>&1; then
    useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin --user-group "$user" ||
        fail 67 "there is no user $user, and it can't be made"
fi

# The folders: only what waits may be written by the script.
enter "$queue" 755
for folder in approved denied revoked; do
    mkdir -p "./$folder" || fail 73 "the folder $queue/$folder can't be made"
done
chmod 755 . ./denied && chmod 700 ./approved ./revoked || fail 73 "the modes in $queue can't be set"
[ -d ./waiting ] || mkdir -m 700 ./waiting || fail 73 "the folder $queue/waiting can't be made"
chown -h "$user" ./waiting || fail 73 "the folder $queue/waiting can't be given to $user"
# The audit log made the folder above for root alone; the log itself stays root's alone.
enter "${queue%/*}"
chmod a+x . || fail 73 "the folder ${queue%/*} can't be opened for $user"

# The script; sshd takes none whose path others could change.
enter "${script%/*}" 755
file=./${script##*/}
printf '%s' "$text" >"$file.new" && chmod 755 "$file.new" && { sync "$file.new" 2>/dev/null || sync; } && mv -fT "$file.new" "$file" ||
    fail 74 "the script can't be written to $script"
path=$(readlink -f "$script")
while [ -n "$path" ]; do
    case $(stat -c '%u %A' "$path") in
    '0 '?????w* | '0 '????????w*) fail 65 "sshd does not run a script below $path, which others may write" ;;
    '0 '*) ;;
    *) fail 65 "sshd does not run a script below $path, which is not root's" ;;
    esac
    path=${path%/*}
done

# The lines for sshd.
enter "${lines%/*}" 755
file=./${lines##*/}
backup=
wanted=$(cat) || fail 74 "the lines for sshd did not arrive"
# sshd -t does not look at tokens, and an sshd before 9.4 ends each connection that comes to one that it does not know.
case $wanted in
*%C*)
    case $("$sshd" -V 2>&1) in
    *OpenSSH_9.[4-9]* | *OpenSSH_[1-9][0-9].*) ;;
    *) fail 65 "this sshd does not know the token %C of the lines, so nothing was changed; try again" ;;
    esac
    ;;
esac
if [ -e "$file" ]; then
    backup=$file.storekeeper-old
    cp -p "$file" "$backup" || fail 74 "$lines can't be kept beside itself"
fi
printf '%s\n' "$wanted" >"$file.storekeeper-new" || fail 74 "$lines can't be written"
back() {
    rm -f "$file.storekeeper-new"
    if [ -n "$backup" ]; then mv -f "$backup" "$file"; else rm -f "$file"; fi
}
sync "$file.storekeeper-new" 2>/dev/null || sync
mv -fT "$file.storekeeper-new" "$file" || {
    back
    fail 74 "$lines can't be written"
}
# shellcheck disable=SC2086
if ! said=$("$sshd" -t -f "$config" $options 2>&1); then
    back
    fail 65 "sshd does not accept the new configuration, so it was taken back: $(printf %s "$said" | tr '\r\n' '  ')"
fi
settings_for "$cache"
keyword authorizedkeyscommand
case $value in
"$script "*) ;;
*)
    back
    fail 65 "$config does not read $lines, or says something else for $cache (${value:-nothing}), so it was taken back; add the lines by hand"
    ;;
esac
reload "the configuration was taken back"
if [ -n "$backup" ]; then rm -f "$backup"; fi
