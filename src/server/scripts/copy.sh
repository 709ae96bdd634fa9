# Copies closures with this machine's Nix. $1: the store that they come from, empty for Nix's own; $2: the store that they go to; the
# others: their paths. What Nix says comes on standard output, as it goes on.
from=$1
to=$2
shift 2
[ -z "$from" ] || set -- --from "$from" "$@"
# What is not in the store that is copied from is an error, not something to fetch or build.
exec nix --extra-experimental-features nix-command copy --no-check-sigs --option substitute false --to "$to" "$@" 2>&1 </dev/null
