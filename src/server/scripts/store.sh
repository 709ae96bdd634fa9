# Put before the scripts that look at the store's folders. $1: the nix command; it is taken away, the script's own arguments follow.
# Sets `config` (Nix's settings), `config_file` (the file that they are from where Nix does not tell them), `store`, and `plain`:
# yes where the store is in a place that is understood. Then `top` is the root of a chroot store, or empty, `directory` the
# store's folder in the file system, `state` Nix's state folder there.
nix=$1
shift
have() { command -v "$1" >/dev/null 2>&1; }
say() { printf '%s=%s\n' "$1" "$2"; }
modern() { "$nix" --extra-experimental-features nix-command "$@" 2>/dev/null; }

config=
config_file=
if have "$nix"; then
    # `config show` since 2.20, `show-config` before.
    config=$(modern config show) || config=$(modern show-config) || config=
fi
if [ -z "$config" ]; then
    config_file=${NIX_CONF_DIR:-/etc/nix}/nix.conf
    config=$(sed 's/#.*//' "$config_file" 2>/dev/null)
fi
setting() {
    printf '%s\n' "$config" | sed -n "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*//p" | tail -n 1
}

# Only the plain forms of a store address are understood.
store=$(setting store)
store=${store:-${NIX_REMOTE:-auto}}
plain=yes
top=
case $store in
*%* | *'&'*) plain=no ;;
auto | daemon | local) ;;
'local?root='/*) top=${store#'local?root='} ;;
'local://?root='/*) top=${store#'local://?root='} ;;
/*'?'*) plain=no ;;
/*) top=$store ;;
*) plain=no ;;
esac
top=${top%/}
directory=$top${NIX_STORE_DIR:-/nix/store}
if [ -n "$top" ]; then state=$top/nix/var/nix; else state=${NIX_STATE_DIR:-/nix/var/nix}; fi
