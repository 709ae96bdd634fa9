# $1: the script that edits. $2: the account whose logins the file opens. $3: the file; the rest is for that script.
# Goes to the file, and runs that script with the rights of the folder's owner: root only where the folder and all
# above it are root's, else the account's own, so that nothing is written that the account could not have written itself.
set -u
edit=$1
user=$2
file=$3
shift 3
id=$(id -u "$user") || fail 67 "there is no account $user"
case $file in /*) ;; *) fail 65 "$file does not begin with a slash" ;; esac
walk "$file" "$id" || fail 77 "$refusal"
case $behind in '') fail 65 "$file is a folder" ;; esac
# Builders may make files there, so it would count as shared.
case $PWD/ in /nix/store/*) fail 65 "the file is a part of the Nix store and is generated" ;; esac
if [ "$holder" = "$id" ] && [ "$id" != "$me" ]; then
    [ "$me" = 0 ] || fail 77 "the folder $PWD belongs to $user; log in as root or allow sudo -n"
    as_account "$user" "$id" "$edit" "$behind" "$id" "$@"
fi
[ "$shared" = no ] || fail 77 "others may make files in $PWD; a key file is not kept there"
exec sh -c "$edit" storekeeper "$behind" "$id" "$@"
