# $1: the nix command. $2: the key file. The rest: store paths.
nix=$1
key=$2
shift 2
if ! [ -r "$key" ]; then
    echo "the key file is missing or not readable" >&2
    exit 66
fi
# Without substitution: a path that was collected meanwhile is an error, and is not fetched from elsewhere.
exec "$nix" --extra-experimental-features nix-command --option substitute false \
    store sign --key-file "$key" "$@" </dev/null
