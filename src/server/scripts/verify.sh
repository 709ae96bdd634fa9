# The arguments are store paths. Compares their contents with their hashes, by Nix, and changes nothing.
# Reading moves access times, by which a collection goes: so where it can, it reads through a mount of its own that keeps none.
set -f
echo storekeeper-answer
direct=no
case $store in
daemon) ;;
*) if [ "$plain" = yes ] && [ "$(id -u)" = 0 ] && have unshare && have mount && unshare --mount true 2>/dev/null; then direct=yes; fi ;;
esac
check() { "$@" --extra-experimental-features nix-command --option substitute false store verify --no-trust $paths </dev/null 2>&1; }
# Names of store paths have no blanks.
paths=$*
if [ "$direct" = yes ]; then
    # Writable, as Nix would mount a read-only store anew, and drop the option with that.
    said=$(check unshare --mount sh -c '
        store=$1
        shift
        if mount --bind "$store" "$store" 2>/dev/null && mount -o remount,bind,rw,noatime "$store" 2>/dev/null; then
            echo storekeeper-times-are-kept
        fi
        exec "$@"' storekeeper "$directory" "$nix")
    code=$?
else
    said=$(check "$nix")
    code=$?
fi
case $said in storekeeper-times-are-kept*) say times kept ;; esac
printf '%s\n' "$said" | sed 's/^/said=/'
say status "$code"
echo end=
