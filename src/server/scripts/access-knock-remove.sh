# Put behind sshd.sh, folder.sh, sshd-reload.sh and installed-gone.sh. $1: the script. $2: its SHA-256 as it was shown. $3: the file with the lines for sshd. $4: its
# SHA-256. $5: the folder of requests. $6: the cache user. Has sshd run the script no more, if nobody has changed a file of it since.
# Requests and decisions stay; all is as it was if sshd does not take the rest of its configuration.
script=$1
lines=$3
queue=$5
cache=$6
config=${config:-/etc/ssh/sshd_config}
[ -n "$sshd" ] || fail 69 "no sshd was found"
unchanged "$1" "$2" "$3" "$4"
# The second of two tries may meet what the first has begun.
if [ -e "$lines" ] || [ -e "$lines.storekeeper-old" ]; then
    enter "${lines%/*}"
    file=./${lines##*/}
    kept=$file.storekeeper-old
    if [ -e "$file" ]; then mv -fT "$file" "$kept" || fail 74 "$lines can't be removed"; fi
    back() { mv -fT "$kept" "$file"; }
    # shellcheck disable=SC2086
    if ! said=$("$sshd" -t -f "$config" $options 2>&1); then
        back
        fail 65 "sshd does not accept the configuration without $lines, so nothing was removed: $(printf %s "$said" | tr '\r\n' '  ')"
    fi
    settings_for "$cache"
    keyword authorizedkeyscommand
    case $value in
    "$script "*)
        back
        fail 65 "other lines of $config have sshd run $script too, so nothing was removed; take those out first"
        ;;
    esac
    reload "nothing was removed"
    rm -f "$kept" || fail 74 "$lines.storekeeper-old can't be removed; sshd does not read it"
fi
gone "$1" "$2"
emptied "${script%/*}"
# What was decided and what waits is no part of the knock.
for folder in waiting approved denied revoked; do emptied "$queue/$folder"; done
emptied "$queue"
echo "done"
