# Put behind folder.sh and installed-gone.sh. $1: the folder of systemd's units. $2: the timer's name. $3: the folder of its
# script. $4: the folder of a lease's links, or nothing. The rest, two by two: a file, and its SHA-256 as it was shown, or `-` for one that changes by itself. Takes the timer away, if nobody
# has changed a file of it since.
units=$1
name=$2
folder=$3
lease=$4
shift 4
unchanged "$@"
if [ -e "$units/$name.timer" ]; then
    said=$(systemctl disable --now "$name.timer" 2>&1) ||
        fail 75 "systemd does not stop the timer, so nothing was removed: $(printf %s "$said" | tr '\r\n' '  ')"
fi
# A run that goes on would write its state again.
waited=0
while [ "$(systemctl is-active "$name.service" 2>/dev/null)" = activating ]; do
    waited=$((waited + 1))
    [ $waited -le 45 ] || fail 75 "the timer is stopped; its files stay while a run goes on: remove it again when that has ended"
    sleep 1
done
gone "$@"
emptied "$folder"
if [ -n "$lease" ] && [ -d "$lease" ]; then
    enter "$lease"
    find . -mindepth 2 -maxdepth 2 -type l -exec rm -f {} + &&
        find . -mindepth 1 -maxdepth 1 -type d -name '[0-9]*' -exec rmdir {} + 2>/dev/null
    emptied "$lease"
fi
systemctl daemon-reload >/dev/null 2>&1
systemctl reset-failed "$name.service" >/dev/null 2>&1
echo "done"
