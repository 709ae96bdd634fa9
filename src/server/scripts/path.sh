# Put before every other script: Nix's usual places, after what the login's own PATH has. Sets login_path, which has them not.
login_path=$PATH
for dir in "${HOME:-/root}/.nix-profile/bin" "${HOME:-/root}/.local/state/nix/profile/bin" \
    "/etc/profiles/per-user/${USER:-root}/bin" /run/wrappers/bin /run/current-system/sw/bin \
    /nix/var/nix/profiles/default/bin /root/.nix-profile/bin \
    /usr/local/bin /usr/bin /bin /usr/local/sbin /usr/sbin /sbin; do
    PATH=${PATH:+$PATH:}$dir
done
export PATH
