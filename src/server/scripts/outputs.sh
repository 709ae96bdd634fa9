# The outputs of a derivation of this machine, one a line. $1: the derivation.
exec nix-store --query --outputs "$1" </dev/null
