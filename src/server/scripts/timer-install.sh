# $1: the script's text. $2: where it goes. $3: the folder of systemd's units. $4: text of the service. $5: text of the timer. $6: the
# name of both. $7: a command that is tried in place of a first run, or nothing. The rest, two by two: a file, and its text. Undone if
# systemd does not take it.
set -u
umask 022
text=$1
script=$2
units=$3
service=$4
timer=$5
name=$6
try=$7
shift 7
[ "$(id -u)" = 0 ] || fail 77 "it takes root's rights"
command -v systemctl >/dev/null 2>&1 || fail 69 "systemctl is not installed, so there are no timers; run $script by cron instead"
[ -d "$units" ] || fail 66 "there is no folder $units for systemd's units"
# $1: text. $2: the file. $3: its mode.
made=
put() {
    enter "${2%/*}" 755
    file=./${2##*/}
    if ! [ -e "$file" ]; then made="$made $2"; fi
    printf '%s' "$1" >"$file.new" && chmod "$3" "$file.new" && { sync "$file.new" 2>/dev/null || sync; } && mv -f "$file.new" "$file" && return 0
    rm -f "$file.new"
    return 1
}
# What was not there before goes; the paths have no blanks.
without() {
    for own in $made; do rm -f "$own"; done
    rmdir "${script%/*}" 2>/dev/null
}
back() {
    rm -f "$units/$name.service" "$units/$name.timer"
    without
    systemctl daemon-reload >/dev/null 2>&1
}
put "$text" "$script" 755 || {
    without
    fail 74 "the script can't be written to $script"
}
while [ $# -ge 2 ]; do
    put "$2" "$1" 644 || {
        without
        fail 74 "$1 can't be written"
    }
    shift 2
done
put "$service" "$units/$name.service" 644 && put "$timer" "$units/$name.timer" 644 || {
    back
    fail 74 "the units can't be written to $units"
}
said=$(systemctl daemon-reload 2>&1 && systemctl enable --now "$name.timer" 2>&1) || {
    back
    fail 75 "systemd does not start the timer, so it was taken back: $(printf %s "$said" | tr '\r\n' '  ')"
}
# The first time now, so that what it would fail of is seen.
first() {
    if [ -z "$try" ]; then
        systemctl start "$name.service"
        return
    fi
    # Words that mean nothing else to a shell, but for the question mark of a store's address.
    set -f
    # shellcheck disable=SC2086
    env $try
}
said=$(first 2>&1) || {
    systemctl disable --now "$name.timer" >/dev/null 2>&1
    back
    fail 75 "the script does not run, so it was taken back: $(printf %s "$said" | tr '\r\n' '  ')"
}
