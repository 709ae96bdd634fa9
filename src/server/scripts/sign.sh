# $1: the nix command. $2: the key file. The rest: store paths. On stdin: nothing; its end means that nobody waits any more.
nix=$1
key=$2
shift 2
if ! [ -r "$key" ]; then
    echo "the key file is missing or not readable" >&2
    exit 66
fi
# Without substitution: a path that was collected meanwhile is an error, and is not fetched from elsewhere.
"$nix" --extra-experimental-features nix-command --option substitute false \
    store sign --key-file "$key" "$@" </dev/null &
signing=$!
# Nothing more is signed for somebody who has gone. Nix looks for no gentler signal here, and a signature is one transaction.
exec 3<&0
{
    cat <&3
    kill -KILL "$signing"
} >/dev/null 2>&1 &
watching=$!
wait "$signing"
code=$?
kill "$watching" 2>/dev/null
exit $code
