# Put after folder.sh and run by access-edit.sh, with the rights of the folder's owner, on the way to the file.
# $1: the file from here. $2: the id of the account that it lets log in. $3: SHA-256 of what it held when the change was
# planned, or `none`. $4: its size then, in bytes. $5: `replace`, with all of the new content on stdin; `append`, with the new
# lines on stdin; `lines`, with new texts of single lines on stdin. $6: SHA-256 of stdin. $7: the file as it must be found after
# its links, or nothing. $8: the mode of a new file. $9: the fingerprints that come, $10: that go, each separated by blanks.
# $11: of `lines`, `NUMBER:BYTES` of each line that changes, in order, with the size of its new text, 0 where it goes.
# $12: of `lines`, the size of the new file.
# At every step there is the old file or the new one. What it says: `result=done`, or `result=conflict` with what is there now.
set -u
umask 077
LC_ALL=C
export LC_ALL
file=$1
account=$2
planned=$3
size=$4
kind=$5
given=$6
expected=$7
mode=$8
come=$9
shift 9
go=$1
changed=$2
expected_size=$3
newline='
'
say() { printf '%s=%s\n' "$1" "$2"; }
full() { fail 74 "$1; nothing was changed"; }
# $1: a file. Sets `digest`.
sum() {
    digest=$(sha256sum <"$1") && digest=${digest%% *} && [ ${#digest} = 64 ] || full "sha256sum does not work on the server"
}
# $1: a file. $2: a number of bytes. The same of the file's start.
sum_of_start() { digest=$(copy "$1" | head -c "$2" | sha256sum) && digest=${digest%% *} && [ ${#digest} = 64 ]; }
for program in flock sha256sum ssh-keygen stat readlink awk; do
    command -v $program >/dev/null 2>&1 || fail 69 "$program is not installed"
done

target=$(readlink -m -- "$file") || fail 66 "the file's links lead nowhere"
case $target in
*"$newline"*) fail 65 "a symbolic link there has a line end in its target" ;;
/nix/store/*) fail 65 "the file is a part of the Nix store and is generated" ;;
/*/*) ;;
*) fail 65 "a key file is not kept in the root folder" ;;
esac
if [ -n "$expected" ] && [ "$target" != "$expected" ]; then
    fail 65 "its symbolic links lead somewhere else since it was looked at: to $target"
fi
folder=${target%/*}
base=${target##*/}
if ! [ -d "$folder" ]; then
    # Only the last folder, such as ~/.ssh: that one above it is missing is a mistake in the path.
    permissions=700
    if [ "$me" != "$account" ]; then permissions=755; fi
    mkdir -m $permissions "$folder" || fail 73 "its folder $folder can't be made"
fi
cd -P "$folder" && [ "$PWD" = "$folder" ] || fail 73 "its folder $folder can't be entered"
[ "$(stat -c %u .)" = "$me" ] ||
    fail 77 "its folder $folder belongs to $(stat -c %U .), and lies in one of somebody else, who can replace it"

# The folder itself is locked: a file for that would be one more thing that could be swapped.
exec 9<. || fail 73 "its folder $folder can't be opened"
flock -w 60 9 || fail 75 "another writer holds the lock of $folder for more than 60 s"

# All is made in a folder of its own inside. What a killed run has left is taken away first.
work=.storekeeper-edit
rm -rf "./$work"
mkdir -m 700 "./$work" && cd -P "./$work" || fail 73 "nothing can be made in its folder $folder"
clean() {
    cd -P .. && rm -rf "./$work"
}
trap clean EXIT
trap 'exit 75' HUP INT TERM

cat >given || full "there is no room for the new content"
sum given
[ "$digest" = "$given" ] || full "the new content did not arrive whole"

# Which file it is, and all that changes when somebody touches it.
identity() { stat -c '%d %i %u %g %a %h %s %y %z' "../$base"; }
there() { [ -e "../$base" ] || [ -L "../$base" ]; }
# Copies what is there to `old`; sets `was` and `found`.
take() {
    tries=0
    while :; do
        was=$(identity) || full "the file can't be looked at"
        copy "../$base" >old || full "it can't be copied beside itself"
        [ "$(identity)" != "$was" ] || break
        tries=$((tries + 1))
        [ $tries -lt 20 ] || fail 75 "somebody else writes the file again and again; nothing was changed"
    done
    sum old
    found=$digest
}
conflict() {
    : >old
    found=none
    if [ -f "../$base" ] && ! [ -L "../$base" ]; then take; fi
    say result conflict
    say sha256 "$found"
    if [ "$found" = none ]; then
        say gone yes
    elif ! [ -s old ]; then
        say empty yes
    elif [ "$(stat -c %s old)" -le 4194304 ]; then
        content=$(base64 <old) || full "what is there now can't be read"
        say content "$(printf %s "$content" | tr -d '\n')"
    fi
    echo end=
    exit 0
}
# $1: a file. Whether its last line has an end.
ends_whole() {
    last=$(tail -c 1 "$1" && echo x) || full "it can't be read again"
    case $last in x | "${newline}x") return 0 ;; *) return 1 ;; esac
}

: >old
found=none
linked=no
if there; then
    [ -f "../$base" ] && ! [ -L "../$base" ] || fail 65 "it is not a regular file"
    # shellcheck disable=SC2046
    set -- $(identity)
    case $3 in
    "$me" | 0 | "$account") ;;
    *) fail 65 "the file belongs to neither root nor the account; give it to one of them with chown" ;;
    esac
    [ "$me" = 0 ] || [ "$3" = "$me" ] ||
        fail 65 "the file belongs to $(stat -c %U "../$base"), its folder to the account, who can replace it anyway; chown the file to $(id -un)"
    case $5 in
    644 | 600 | 640) ;;
    *) fail 65 "the file's mode is $5; set it to 644, 640 or 600 first" ;;
    esac
    [ "$6" = 1 ] || fail 65 "the file has $6 names (hard links), and an edit would part them; remove the others first"
    # A second name for it, so that what others write into it until the end is not lost with it.
    if ln "../$base" displaced 2>/dev/null; then linked=yes; fi
    take
fi
echo storekeeper-answer
if [ "$found" != "$planned" ]; then
    # Lines that others have added behind what was seen are no reason to stop a line of ours from following them.
    [ "$kind" = append ] && [ "$found" != none ] || conflict
    if [ "$planned" != none ]; then
        sum_of_start old "$size" || full "sha256sum does not work on the server"
        [ "$digest" = "$planned" ] || conflict
        # A last line that had no end: what comes behind it must begin with one, or that line was edited.
        border=$(tail -c "+$size" old | head -c 2 && echo x) || full "it can't be read again"
        case $border in "$newline"* | ?"$newline"x) ;; *) [ "$size" = 0 ] || conflict ;; esac
    fi
    say merged yes
fi

# --- the new file ------------------------------------------------------------------------------------------------------
if [ "$found" = none ]; then
    : >new || full "there is no room for the new file"
    case $mode in 644 | 640 | 600) chmod "$mode" new || full "the new file can't get the mode $mode" ;; *) full "$mode is no mode for a key file" ;; esac
    if [ "$me" != "$account" ] && [ "$mode" = 600 ]; then
        chown "$account" new || full "the new file can't be given to the account"
    fi
else
    # As before: owner, group, mode, access control list, extended attributes, label.
    like=../$base
    if [ "$linked" = yes ]; then like=displaced; fi
    kept=mode,ownership,xattr
    label=$(stat -c %C "$like" 2>/dev/null)
    case $label in '' | '?') ;; *) kept=$kept,context ;; esac
    if ! why=$(cp --attributes-only --no-dereference "--preserve=$kept" "$like" new 2>&1); then
        case $why in
        *'attributes-only'* | *'unrecognized option'* | *usage:* | *Usage:*)
            # Another cp: only where it is known that there is nothing that it would lose.
            extended=$(getfattr -d -m - "$like" 2>/dev/null) && [ -z "$extended" ] ||
                full "cp on the server can't keep access control lists and extended attributes; install coreutils there"
            rm -f new
            cp -p "$like" new || full "the new file can't be made like the old one"
            ;;
        *) full "the new file can't be made like the old one: $why" ;;
        esac
    fi
    [ "$(stat -c '%u %g %a' new)" = "$(stat -c '%u %g %a' "$like")" ] ||
        full "the new file can't get the owner, group and mode of the old one"
fi
room() { full "there is no room for the new content"; }
case $kind in
append)
    {
        cat old && { ends_whole old || echo; } && cat given
    } >new || room
    ;;
lines)
    # Piece by piece: what is before each line, its new text, and what is behind the last one.
    next=1
    at=1
    : >new || room
    for change in $changed; do
        number=${change%:*}
        bytes=${change#*:}
        if [ "$number" -gt "$next" ]; then
            tail -n "+$next" old | head -n "$((number - next))" >>new || room
        fi
        if [ "$bytes" -gt 0 ]; then tail -c "+$at" given | head -c "$bytes" >>new || room; fi
        next=$((number + 1))
        at=$((at + bytes))
    done
    tail -n "+$next" old >>new || room
    [ "$(stat -c %s new)" = "$expected_size" ] || full "the lines are not those that were shown"
    ;;
replace) cat given >new || room ;;
*) fail 64 "there is no such edit" ;;
esac

# --- the guard ---------------------------------------------------------------------------------------------------------
# The keys, as this server's own OpenSSH reads them, before and after: none may come or go but those of the plan. A key of
# ours behind each shows that it was read to its end: an empty list from an error is never taken for a list.
mark='ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHN0b3Jla2VlcGVyIHJlYWQgdG8gdGhlIGVuZCAuLi4u end'
mark_print=$(echo "$mark" | ssh-keygen -lf - | cut -d ' ' -f 2)
case $mark_print in SHA256:*) ;; *) full "ssh-keygen does not work on the server" ;; esac
# $1: a file. Sets `keys`.
read_keys() {
    keys=$({ cat "$1" && echo && echo "$mark"; } | ssh-keygen -lf - 2>/dev/null | cut -d ' ' -f 2) || keys=
    case $keys in
    "$mark_print") keys= ;;
    *"$newline$mark_print") keys=${keys%"$newline$mark_print"} ;;
    *) full "ssh-keygen on the server does not read the file to its end" ;;
    esac
}
read_keys old
before=$keys
read_keys new
after=$keys
verdict=$({
    printf '@+\n%s\n@-\n%s\n@come\n' "$after" "$before"
    for print in $come; do echo "$print"; done
    echo @go
    for print in $go; do echo "$print"; done
    echo @end
} | awk '
    /^@/ { part = $0; next }
    $0 == "" { next }
    part == "@+" { change[$0]++; left[$0]++ }
    part == "@-" { change[$0]--; left[$0]--; was[$0] = 1 }
    part == "@come" { left[$0]--; if (was[$0]) already = 1 }
    part == "@go" { left[$0]++ }
    END {
        if (part != "@end") exit 1
        moved = 0
        for (key in change) if (change[key] != 0) moved = 1
        for (key in left) if (left[key] > 0) more = more " " key; else if (left[key] < 0) fewer = fewer " " key
        print (already ? "already" : "new"), (moved ? "moved" : "same")
        if (more != "" || fewer != "") print "new:" more ", gone:" fewer
        print "whole"
    }') || full "awk does not work on the server"
case $verdict in *"${newline}whole") verdict=${verdict%"${newline}whole"} ;; *) full "the keys could not be compared" ;; esac
case $kind-$verdict in
append-already*)
    say already yes
    conflict
    ;;
esac
case $verdict in
*"$newline"*) fail 65 "ssh-keygen there reads other keys in the new file than were planned (${verdict#*"$newline"}); nothing was changed" ;;
*' same') ! cmp -s old new || fail 65 "the file holds exactly that already" ;;
esac

# Whether others have only added lines behind since it was copied; then they are put behind the new file, too.
grown() {
    same=$(stat -c '%d %i %u %g %a %h' "../$base") && was=$(identity) && case $was in "$same "*) ;; *) return 1 ;; esac
    known=$(stat -c %s old) && copy "../$base" >now && ends_whole old || return 1
    head -c "$known" now | cmp -s - old && tail -c "+$((known + 1))" now >>new && mv -f now old
}

# --- in its place ------------------------------------------------------------------------------------------------------
flush() { sync "$1" 2>/dev/null || sync; }
sum new
result=$digest
length=$(stat -c %s new) || full "the new file can't be looked at"
flush new || full "the new file can't be put on the disk"
if [ "$found" = none ]; then
    # Fails where somebody else has made one.
    ln new "../$base" 2>/dev/null || { ! there && mv -fT new "../$base"; } || conflict
else
    chmod 600 old && { ln old backup 2>/dev/null || cp old backup; } && flush backup &&
        mv -fT backup "../$base.storekeeper-backup" || full "no backup can be kept beside it"
    # Nothing between the last look and the change but the start of `mv`.
    tries=0
    until copy "../$base" | cmp -s - old && [ "$(identity)" = "$was" ] && mv -fT new "../$base"; do
        [ -e new ] || fail 74 "the new file can't take its place"
        tries=$((tries + 1))
        [ "$kind" = append ] && [ $tries -lt 50 ] && grown || conflict
        say merged yes
        sum new
        result=$digest
        length=$(stat -c %s new) || full "the new file can't be looked at"
    done
fi
sync "../$base" 2>/dev/null || sync
sync .. 2>/dev/null || sync
if [ "$linked" = yes ] && ! cmp -s displaced old; then
    # Written into at that very moment, by somebody who had it open. What was added behind goes on; all else goes back.
    if head -c "$(stat -c %s old)" displaced | cmp -s - old; then
        tail -c "+$(($(stat -c %s old) + 1))" displaced >>"../$base" || fail 74 "what somebody else has added at this moment is in $base.storekeeper-edit"
        say merged yes
    else
        mv -fT displaced "../$base" || fail 74 "the old file can't be put back"
        conflict
    fi
fi
sum_of_start "../$base" "$length" || fail 74 "the file was written, but can't be read again"
[ "$digest" = "$result" ] || conflict
say sha256 "$result"
say size "$length"
say path "$target"
say result "done"
echo end=
