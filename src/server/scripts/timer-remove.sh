# Put behind folder.sh. $1: the folder of systemd's units. $2: the timer's name. The rest: files of it. Takes the timer away; a run that
# goes on ends by itself.
set -u
units=$1
name=$2
shift 2
[ "$(id -u)" = 0 ] || fail 77 "it takes root's rights"
if [ -e "$units/$name.timer" ]; then
    said=$(systemctl disable --now "$name.timer" 2>&1) ||
        fail 75 "systemd does not stop the timer, so nothing was removed: $(printf %s "$said" | tr '\r\n' '  ')"
fi
for file in "$units/$name.timer" "$units/$name.service" "$@"; do
    if ! [ -e "$file" ]; then continue; fi
    enter "${file%/*}"
    rm -f "./${file##*/}" || fail 74 "$file can't be removed"
done
systemctl daemon-reload >/dev/null 2>&1
systemctl reset-failed "$name.service" >/dev/null 2>&1
echo "done"
