# $1: the nix command. $2: the key file. $3: the public key that the plan showed. The rest: store paths. On stdin: nothing; its end means
# that nobody waits any more. Exits with 66 when the key cannot be used, with 67 when it is not the one of the plan.
nix=$1
key=$2
planned=$3
shift 3
if ! [ -f "$key" ] || ! [ -r "$key" ]; then
    echo "the key file is missing or not readable" >&2
    exit 66
fi
# The file is read once: what is compared is what signs, whatever becomes of the file meanwhile. The secret goes through pipes, never as
# an argument, never to a disk (a here-document is a file in some shells), and never through a printf that is a program of its own.
case $(command -v printf) in
/*)
    echo "the shell has no printf of its own, which would show the key to others" >&2
    exit 66
    ;;
esac
secret=$(head -c 65536 "$key") || exit 66
public=$(printf '%s\n' "$secret" | "$nix" --extra-experimental-features nix-command key convert-secret-to-public 2>/dev/null)
if [ -z "$public" ]; then
    echo "the public half of the key file can't be derived; check that it is a key of Nix" >&2
    exit 66
fi
if [ "$public" != "$planned" ]; then
    printf 'it holds %s now, and the plan was made for %s\n' "$public" "$planned" >&2
    exit 67
fi
# Without substitution: a path that was collected meanwhile is an error, and is not fetched from elsewhere.
printf '%s\n' "$secret" | "$nix" --extra-experimental-features nix-command --option substitute false \
    store sign --key-file /dev/stdin "$@" &
signing=$!
unset secret
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
