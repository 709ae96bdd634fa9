# $1: where the knock goes. $2: the user that it runs as. What an installation of the knock would find. After one, $3: the file
# with sshd's lines, and $4: the cache user.
echo storekeeper-answer
say() { printf '%s=%s\n' "$1" "$2"; }
config=${config:-/etc/ssh/sshd_config}
if [ -e /etc/NIXOS ] || [ -e /etc/static ]; then say nixos yes; fi
say config "$config"
say assumed "$assumed"
say script "$(sha256sum 2>/dev/null <"$1" | cut -d ' ' -f 1)"
if [ -n "$sshd" ]; then
    ask_version
    say version "$version"
fi
if id "$2" >/dev/null 2>&1; then say user yes; fi
if [ -r "$config" ]; then
    sed -n 's/^[[:space:]]*[Ii][Nn][Cc][Ll][Uu][Dd][Ee][[:space:]=]\{1,\}/include=/p' "$config"
    say readable yes
fi
if [ -n "${3-}" ]; then
    say lines "$(sha256sum 2>/dev/null <"$3" | cut -d ' ' -f 1)"
    settings_for "$4"
    keyword authorizedkeyscommand
    say effective "$value"
fi
echo end=
