# Put behind sshd.sh. $1: the name of a timer, or nothing. $2: the folder of systemd's units. $3: the folder of a lease's links, or nothing. $4: the
# cache user, where it is asked what sshd runs for unknown keys. The rest: files, each behind a letter: `t`, of which the text is wanted, `s`, of which it is not.
# How they are, in the order in which they were asked for.
echo storekeeper-answer
say() { printf '%s=%s\n' "$1" "$2"; }
name=$1
units=$2
lease=$3
cache=$4
shift 4
if [ -e /etc/NIXOS ] || [ -e /etc/static ]; then say nixos yes; fi
if [ -n "$name" ]; then
    if [ -d "$units" ] && systemctl show-environment >/dev/null 2>&1; then say systemd yes; fi
    say timer "$(systemctl is-active "$name.timer" 2>/dev/null)"
    say run "$(systemctl is-active "$name.service" 2>/dev/null)"
    # What an administrator has added to a unit.
    for folder in "$units/$name.timer.d" "$units/$name.service.d"; do
        if [ -e "$folder" ]; then say beside "$folder"; fi
    done
fi
if [ -n "$cache" ]; then
    settings_for "$cache"
    keyword authorizedkeyscommand
    say effective "$value"
fi
if [ -n "$lease" ] && [ -d "$lease" ]; then
    say links "$(find "$lease/." -mindepth 2 -maxdepth 2 -type l 2>/dev/null | wc -l | tr -d ' ')"
    {
        find "$lease/." -mindepth 1 -maxdepth 1 ! \( -type d -name '[0-9]*' \)
        find "$lease/." -mindepth 2 -maxdepth 2 ! -type l
    } 2>/dev/null | head -n 20 | sed 's|/\./|/|;s/^/beside=/'
fi
while [ $# -ge 2 ]; do
    if [ -L "$2" ]; then
        say file link
    elif [ -f "$2" ]; then
        say file "$(sha256sum 2>/dev/null <"$2" | cut -d ' ' -f 1)"
        if [ "$1" = t ]; then head -c 65536 "$2" 2>/dev/null | tr -d '\000\r' | awk '{ print "text=" $0 }'; fi
    elif [ -e "$2" ]; then
        say file other
    else
        say file none
    fi
    shift 2
done
echo end=
