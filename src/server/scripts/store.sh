# Put behind nix-settings.sh, before the scripts that look at the store's folders. $1: the nix command; it is taken away, the
# script's own arguments follow.
# Reads Nix's settings and sets `store`, and `plain`: yes where the store is in a place that is understood. Then `top` is the root
# of a chroot store, or empty, `directory` the store's folder in the file system, `state` Nix's state folder there.
set -f
nix=$1
shift
read_settings

# Only the plain forms of a store address are understood.
setting store
store=${value:-${NIX_REMOTE:-auto}}
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
