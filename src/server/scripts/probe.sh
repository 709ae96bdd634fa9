# $1: a signing key file that the administrator has configured, or nothing. $2: where auto-sign says how it went. $3: where
# the policy timer does.
# Says what this server is. Secrets are never printed: the public half of a key is computed here, by Nix.
wanted=$1
echo storekeeper-answer

if have "$nix"; then
    say nix yes
    program=$(command -v "$nix")
    say nix-program "$(readlink -f -- "$program" 2>/dev/null || printf '%s' "$program")"
fi
if [ -n "$settings_file" ]; then say config-from "$settings_file"; fi

if [ -n "$settings_file" ] && ! [ -r "$settings_file" ]; then
    say trusted-users-why "neither nix nor $settings_file can be read"
elif [ -n "$settings" ]; then
    setting trusted-users
    # An unset one is Nix's default.
    say trusted-users "${value:-root}"
fi

key() {
    say key "$1"
    if ! [ -e "$1" ]; then
        say key-state missing
    elif ! [ -f "$1" ]; then
        say key-state odd
    elif ! [ -r "$1" ]; then
        say key-state unreadable
    else
        mode=$(ls -dnL "$1")
        case ${mode%% *} in
        ???????r* | ????????w*) say key-state exposed ;;
        *) say key-state fine ;;
        esac
        have "$nix" && say key-public "$(modern key convert-secret-to-public <"$1")"
    fi
}
if [ -n "$wanted" ]; then key "$wanted"; fi
setting secret-key-files
for file in $value; do
    if [ "$file" != "$wanted" ]; then key "$file"; fi
done

if [ "$plain" = yes ]; then
    say directory "$directory"
    say state "$state"
    disk=$(df -Pk "$directory" 2>/dev/null)
    say disk "${disk##*"$newline"}"
    inodes=$(df -Pi "$directory" 2>/dev/null)
    say inodes "${inodes##*"$newline"}"
    database=$state/db/db.sqlite
    if [ -e "$database" ]; then
        say database "$(ls -dnL "$database" 2>/dev/null)"
        say wal "$(ls -dnL "$database-wal" 2>/dev/null)"
        if [ -w "$database" ]; then say writable yes; else say writable no; fi
    fi
else
    say store "$store"
fi
if [ -f "$2" ] && [ -r "$2" ]; then
    say auto-sign-timer "$(systemctl is-active storekeeper-auto-sign.timer 2>/dev/null)"
    head -c 200000 "$2" | sed 's/^/auto-sign=/'
    echo
fi
if [ -f "$3" ] && [ -r "$3" ]; then
    say gc-timer "$(systemctl is-active storekeeper-gc.timer 2>/dev/null)"
    say gc-run "$(systemctl is-active storekeeper-gc.service 2>/dev/null)"
    head -c 2000 "$3" | sed 's/^/gc=/'
    echo
fi
echo end=
