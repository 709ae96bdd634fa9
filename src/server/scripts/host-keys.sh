# The public host keys of the sshd that serves this connection, one `key=` each.
echo storekeeper-answer
say() { printf '%s=%s\n' "$1" "$2"; }
files=
if [ -n "$sshd" ]; then
    settings_for root
    keyword hostkey
    files=$value
fi
if [ -z "$files" ] && [ -r "${config:-/etc/ssh/sshd_config}" ]; then
    # Without root's rights sshd does not tell its settings.
    files=$(sed -n 's/^[[:space:]]*[Hh][Oo][Ss][Tt][Kk][Ee][Yy][[:space:]=]\{1,\}//p' "${config:-/etc/ssh/sshd_config}" | tr -d '"')
fi
if [ -z "$files" ]; then files='/etc/ssh/ssh_host_ed25519_key /etc/ssh/ssh_host_ecdsa_key /etc/ssh/ssh_host_rsa_key'; fi
for file in $files; do
    # The public file beside it may be another key's.
    key=$(ssh-keygen -y -P '' -f "$file" 2>/dev/null </dev/null)
    if [ -z "$key" ] && [ -r "$file.pub" ]; then key=$(head -n 1 -- "$file.pub"); fi
    if [ -n "$key" ]; then say key "$key"; fi
done
echo end=
