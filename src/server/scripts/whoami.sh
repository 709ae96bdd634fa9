# $1: "never" to leave sudo alone. Says who is logged in, where, over which connection as the server sees it, and what the clock shows.
echo storekeeper-answer
user=$(id -un 2>/dev/null) || user=${USER:-unknown}
uid=$(id -u)
printf 'user=%s\n' "$user"
printf 'uid=%s\n' "$uid"
printf 'host=%s\n' "$(uname -n)"
printf 'connection=%s\n' "${SSH_CONNECTION:-}"
printf 'clock=%s\n' "$(date +%s)"
if [ "$uid" != 0 ] && [ "$1" != never ] && command -v sudo >/dev/null 2>&1; then
    if sudo -n true >/dev/null 2>&1; then echo sudo=yes; else echo sudo=no; fi
fi
echo end=
