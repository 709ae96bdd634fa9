# $1: the folder of requests. $2: `waiting`, `proven`, `reopened`, `approved`, `denied` or `revoked`. $3: the file's name. On stdin: its
# content, one line. $4: SHA-256 of that. $5: the nonce of the request. A decision also takes it out of those that wait; `proven`
# is for a request that waits and is the same as before, else it changes nothing; `reopened` is for one that is denied, and waits
# afterwards. $6: how the request was when the decision was
# planned: `waiting` or `denied`, or `any` where that does not matter. Where somebody else has decided it meanwhile, nothing is
# changed, and that decision comes on stdout. $7: `look` to do nothing but compare.
set -u
umask 022
queue=$1
folder=$2
case $folder in proven | reopened) folder=waiting ;; esac
name=$3
given=$4
shown=$6
look=${7-}
command -v sha256sum >/dev/null 2>&1 || fail 69 "sha256sum is not installed"
command -v flock >/dev/null 2>&1 || fail 69 "flock is not installed"
enter "$queue" 755
[ -d "$folder" ] || mkdir "$folder" || fail 73 "the folder $queue/$folder can't be made"
decided() {
    # What waits was asked again after a decision.
    if [ -e "waiting/$name" ]; then return; fi
    for other in approved denied; do
        if [ -f "$other/$name" ]; then
            echo "$other"
            return
        fi
    done
}
unchanged() {
    now=$(decided)
    case $shown:$now in any:* | *: | denied:denied) return ;; esac
    # Written by this very job, over a link that was lost before it could answer.
    if [ "$now" = "$folder" ] && [ "$(sha256sum <"$now/$name" | cut -d ' ' -f 1)" = "$given" ]; then return; fi
    head -n 1 "$now/$name" | head -c 8192
    fail 65 "somebody else has $now it meanwhile"
}
# Whether it waits already as this job puts it.
there() { [ -f "waiting/$name" ] && ! [ -L "waiting/$name" ] && [ "$(copy "waiting/$name" | sha256sum | cut -d ' ' -f 1)" = "$given" ]; }
denied() {
    if [ "$2" != reopened ] || [ "$(decided)" = denied ] || there; then return; fi
    fail 65 "it is not denied any more"
}
if [ "$look" = look ]; then
    denied "$@"
    unchanged
    exit 0
fi
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
denied "$@"
unchanged
if [ "$2" = proven ]; then
    [ -f "waiting/$name" ] && ! [ -L "waiting/$name" ] || fail 65 "it does not wait any more"
    copy "waiting/$name" | grep -qF -- "$5" || fail 65 "another one of the same key has taken its place"
fi
{ sync "$new" 2>/dev/null || sync; } && mv -fT "$new" "$folder/$name" || fail 74 "$queue/$folder can't be written"
sync "$folder" 2>/dev/null || sync
case $2 in
reopened) rm -f "denied/$name" ;;
approved) rm -f "waiting/$name" "denied/$name" ;;
denied) rm -f "waiting/$name" "approved/$name" ;;
revoked) rm -f "approved/$name" ;;
esac
