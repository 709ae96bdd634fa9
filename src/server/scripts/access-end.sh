# $1: the process of a session. $2: when it began, in seconds since 1970. $3: its user.
# Ends that session, and nothing else: a number that another process has by now is left alone.
set -u
pid=$1
since=$2
user=$3
fail() {
    echo "$2" >&2
    exit "$1"
}
# When a process began: field 22 of proc(5), the first two are off. A zombie has ended.
began() {
    line=
    { IFS= read -r line <"/proc/$1/stat"; } 2>/dev/null
    line=${line##*) }
    # shellcheck disable=SC2086
    set -- $line
    if [ "${1:-Z}" != Z ]; then echo "${20:-}"; fi
}
still() { [ "$(began "$1")" = "$2" ]; }
ticks=$(began "$pid")
if [ -z "$ticks" ]; then
    echo gone
    exit 0
fi
boot=$(sed -n 's/^btime //p' /proc/stat)
hertz=$(getconf CLK_TCK 2>/dev/null)
apart=$((${boot:-0} + ticks / ${hertz:-100} - since))
# The kernel's idea of when it started moves with the clock by a second or so.
if [ $apart -gt 2 ] || [ $apart -lt -2 ]; then
    echo gone
    exit 0
fi
program=$(readlink "/proc/$pid/exe") || fail 77 "the process $pid can't be looked at"
program=${program%' (deleted)'}
case ${program##*/} in sshd | sshd-session) ;; *) fail 65 "the process $pid is not a session of sshd" ;; esac
title=$(tr '\0' ' ' <"/proc/$pid/cmdline" | sed 's/^[^:]*: //; s/ *$//')
case $title in
"$user [postauth]" | "$user [priv]" | "$user" | "$user@"*) ;;
*) fail 65 "the process $pid does not serve a session of $user" ;;
esac
# Everything below it: what the session runs must not go on without it.
below() {
    for child in $(cat "/proc/$1/task/"*/children 2>/dev/null); do
        echo "$child:$(began "$child")"
        below "$child"
    done
}
tree=$(below "$pid")
kill -TERM "$pid" 2>/dev/null || fail 77 "the process $pid can't be ended"
tries=0
while still "$pid" "$ticks" && [ $tries -lt 20 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
if still "$pid" "$ticks"; then kill -KILL "$pid"; fi
for child in $tree; do
    if still "${child%:*}" "${child#*:}"; then kill -KILL "${child%:*}" 2>/dev/null; fi
done
tries=0
while still "$pid" "$ticks" && [ $tries -lt 20 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
if still "$pid" "$ticks"; then fail 75 "the process $pid has not ended"; fi
echo ended
