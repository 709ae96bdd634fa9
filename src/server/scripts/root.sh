# Keeps store paths of this machine from being collected. $1: the link that is made for the first of them, with a number behind it for
# the others; then the paths.
link=$1
shift
exec nix-store --option substitute false --realise "$@" --add-root "$link" --indirect >/dev/null </dev/null
