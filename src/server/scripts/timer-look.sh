# $1: where a timer's script goes. $2: the folder of systemd's units. $3: the timer's name. $4: another file of it, or nothing. What an
# installation would find.
echo storekeeper-answer
say() { printf '%s=%s\n' "$1" "$2"; }
if [ -e /etc/NIXOS ] || [ -e /etc/static ]; then say nixos yes; fi
# Installed is not enough: it has to run.
if [ -d "$2" ] && systemctl show-environment >/dev/null 2>&1; then say systemd yes; fi
say script "$(sha256sum 2>/dev/null <"$1" | cut -d ' ' -f 1)"
say service "$(sha256sum 2>/dev/null <"$2/$3.service" | cut -d ' ' -f 1)"
say unit "$(sha256sum 2>/dev/null <"$2/$3.timer" | cut -d ' ' -f 1)"
say timer "$(systemctl is-active $3.timer 2>/dev/null)"
say run "$(systemctl is-active $3.service 2>/dev/null)"
if [ -n "$4" ]; then say rules "$(sha256sum 2>/dev/null <"$4" | cut -d ' ' -f 1)"; fi
echo end=
