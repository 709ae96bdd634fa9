# $1: the nix command. $2: a signing key file that the administrator has configured, or nothing.
# Says what this server is. Secrets are never printed: the public half of a key is computed here, by Nix.
set -f
nix=$1
wanted=$2
echo storekeeper-answer

have() { command -v "$1" >/dev/null 2>&1; }
say() { printf '%s=%s\n' "$1" "$2"; }
modern() { "$nix" --extra-experimental-features nix-command "$@" 2>/dev/null; }

if have logger; then say logger yes; fi

config=
if have "$nix"; then
    say nix yes
    # `config show` since 2.20, `show-config` before.
    config=$(modern config show) || config=$(modern show-config) || config=
fi
if [ -z "$config" ]; then
    file=${NIX_CONF_DIR:-/etc/nix}/nix.conf
    say config-from "$file"
    config=$(sed 's/#.*//' "$file" 2>/dev/null)
fi
setting() {
    printf '%s\n' "$config" | sed -n "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*//p" | tail -n 1
}

say trusted-public-keys "$(setting trusted-public-keys)"

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
for file in $(setting secret-key-files); do
    if [ "$file" != "$wanted" ]; then key "$file"; fi
done

# Where the store is: only the plain forms of a store address are understood.
store=$(setting store)
store=${store:-${NIX_REMOTE:-auto}}
plain=yes
case $store in
*%* | *'&'*) plain=no ;;
auto | daemon | local) top= ;;
'local?root='/*) top=${store#'local?root='} ;;
'local://?root='/*) top=${store#'local://?root='} ;;
/*'?'*) plain=no ;;
/*) top=$store ;;
*) plain=no ;;
esac
if [ "$plain" = yes ]; then
    top=${top%/}
    directory=$top${NIX_STORE_DIR:-/nix/store}
    say directory "$directory"
    say disk "$(df -Pk "$directory" 2>/dev/null | tail -n 1)"
    say inodes "$(df -Pi "$directory" 2>/dev/null | tail -n 1)"
    if [ -n "$top" ]; then state=$top/nix/var/nix; else state=${NIX_STATE_DIR:-/nix/var/nix}; fi
    say state "$state"
    database=$state/db/db.sqlite
    if [ -e "$database" ]; then
        say database "$(ls -dnL "$database" 2>/dev/null)"
        say wal "$(ls -dnL "$database-wal" 2>/dev/null)"
        if [ -w "$database" ]; then say writable yes; else say writable no; fi
    fi
else
    say store "$store"
fi
echo end=
