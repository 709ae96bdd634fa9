# $1: where the script of the lease goes. $2: the folder of systemd's units. What an installation would find.
echo storekeeper-answer
say() { printf '%s=%s\n' "$1" "$2"; }
if [ -e /etc/NIXOS ] || [ -e /etc/static ]; then say nixos yes; fi
# Installed is not enough: it has to run.
if [ -d "$2" ] && systemctl show-environment >/dev/null 2>&1; then say systemd yes; fi
say script "$(sha256sum 2>/dev/null <"$1" | cut -d ' ' -f 1)"
say service "$(sha256sum 2>/dev/null <"$2/storekeeper-lease.service" | cut -d ' ' -f 1)"
say unit "$(sha256sum 2>/dev/null <"$2/storekeeper-lease.timer" | cut -d ' ' -f 1)"
say timer "$(systemctl is-active storekeeper-lease.timer 2>/dev/null)"
say run "$(systemctl is-active storekeeper-lease.service 2>/dev/null)"
echo end=
