# $1: the folder of requests. $2: `waiting`, `proven`, `approved`, `denied` or `revoked`. $3: the file's name. On stdin: its
# content, one line. $4: SHA-256 of that. $5: the nonce of the request. A decision also takes it out of those that wait; `proven`
# is for a request that waits and is the same as before, else it changes nothing.
set -u
umask 022
queue=$1
folder=$2
if [ "$folder" = proven ]; then folder=waiting; fi
name=$3
given=$4
command -v sha256sum >/dev/null 2>&1 || fail 69 "sha256sum is not installed"
command -v flock >/dev/null 2>&1 || fail 69 "flock is not installed"
enter "$queue" 755
[ -d "$folder" ] || mkdir "$folder" || fail 73 "the folder $queue/$folder can't be made"
# Made beside the folders, which are of this file system too: what waits belongs to another user.
umask 077
new=$(mktemp ./new.XXXXXX) || fail 74 "there is no room in $queue"
trap 'rm -f "$new"' EXIT
trap 'exit 75' HUP INT TERM
cat >"$new" && [ "$(sha256sum <"$new" | cut -d ' ' -f 1)" = "$given" ] || fail 74 "the content did not arrive whole"
# Between the look and the change nobody else decides.
exec 9<. && flock -w 30 9 || fail 69 "somebody else decides requests for more than 30 s"
# The knock drops no request meanwhile. It is not waited for longer: its user could hold this for good.
if [ -d waiting ] && ! [ -L waiting ]; then exec 8<waiting && { flock -w 5 8 || :; }; fi
if [ "$2" = proven ]; then
    for other in approved denied; do
        if [ -e "$other/$name" ] && ! [ -e "waiting/$name" ]; then fail 65 "it was $other meanwhile, and stays so"; fi
    done
    [ -f "waiting/$name" ] && ! [ -L "waiting/$name" ] || fail 65 "it does not wait any more"
    copy "waiting/$name" | grep -qF -- "$5" || fail 65 "another one of the same key has taken its place"
fi
{ sync "$new" 2>/dev/null || sync; } && mv -fT "$new" "$folder/$name" || fail 74 "$queue/$folder can't be written"
sync "$folder" 2>/dev/null || sync
case $folder in
approved) rm -f "waiting/$name" "denied/$name" ;;
denied) rm -f "waiting/$name" "approved/$name" ;;
revoked) rm -f "approved/$name" ;;
esac
