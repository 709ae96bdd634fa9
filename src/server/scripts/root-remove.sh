# $1: the script that removes a generation. $2: `generation` or `indirect`. $3: the link. $4: the store path that it leads to.
# $5: the profile of a generation. $6: Nix's state folder. $7: when the link of a generation was made, as it was shown; empty
# where that is not known. Says `gone` on the last line where it was gone already, else `done`.
set -u
remove=$1
kind=$2
link=$3
target=$4
profile=$5
state=$6
made=$7
case $kind in
generation)
    # Profiles belong to their users: what is done there is done with the rights of the folder's owner.
    folder=${link%/*}
    [ "$folder" = "${profile%/*}" ] || fail 65 "the generation is not beside its profile"
    owner=$(stat -L -c %u "$folder") || fail 66 "there is no folder $folder"
    walk "$folder/." "$owner" || fail 77 "$refusal"
    if [ "$holder" = "$owner" ] && [ "$owner" != "$me" ]; then
        [ "$me" = 0 ] || fail 77 "the profile belongs to $(id -un "$owner"); log in as root or allow sudo -n"
        as_account "$(id -un "$owner")" "$owner" "$remove" "$behind" "$link" "$target" "$profile" "$made"
    fi
    [ "$shared" = no ] || fail 77 "others may make files in $folder"
    [ -z "$behind" ] || fail 66 "there is no folder $folder"
    exec sh -c "$remove" storekeeper . "$link" "$target" "$profile" "$made"
    ;;
indirect)
    if [ -L "$link" ] && [ "$(readlink "$link")" != "$target" ]; then
        fail 76 "it leads to another path by now: $(readlink "$link") (made $(whose "$link"))"
    fi
    found=no
    enter "$state/gcroots/auto"
    for auto in *; do
        if [ -L "./$auto" ] && [ "$(readlink "./$auto")" = "$link" ]; then
            rm -f "./$auto" || fail 74 "$state/gcroots/auto/$auto can't be removed"
            found=yes
        fi
    done
    if [ "$found" = yes ]; then echo "done"; else echo gone; fi
    ;;
*) fail 64 "there is no such kind of root" ;;
esac
