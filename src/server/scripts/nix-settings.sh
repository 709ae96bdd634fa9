# Put before the scripts that ask for Nix's settings. `nix` is its command.
have() { command -v "$1" >/dev/null 2>&1; }
say() { printf '%s=%s\n' "$1" "$2"; }
modern() { "$nix" --extra-experimental-features nix-command "$@" 2>/dev/null; }
newline='
'

# Sets `settings`, each line `NAME = VALUE` as Nix prints it, and `settings_file`, the file that they are from where Nix does not
# tell them.
read_settings() {
    settings=
    settings_file=
    if have "$nix"; then
        # `config show` has been the other name of it since 2.20. A call that fails costs as much as one that answers.
        settings=$(modern show-config) || settings=$(modern config show) || settings=
    fi
    if [ -z "$settings" ]; then
        # Files that it includes are not read: without Nix's own word this is the best there is.
        settings_file=${NIX_CONF_DIR:-/etc/nix}/nix.conf
        settings=$(sed 's/#.*//; s/^[[:space:]]*\([^[:space:]=]*\)[[:space:]]*=[[:space:]]*/\1 = /' "$settings_file" 2>/dev/null)
    fi
}

# $1: a name. Sets `value` to what `settings` has last for it. No file name may be put for a `*` (set -f).
setting() {
    value=
    IFS=$newline
    for line in $settings; do
        case $line in "$1 = "*) value=${line#*" = "} ;; esac
    done
    unset IFS
}
