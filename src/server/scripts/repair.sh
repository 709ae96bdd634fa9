# $1: the nix command. $2: a store path. Fetches it anew from a substituter, or builds it anew, by Nix.
case $1 in */*) tool=${1%/*}/nix-store ;; *) tool=nix-store ;; esac
exec "$tool" --repair-path "$2" </dev/null
