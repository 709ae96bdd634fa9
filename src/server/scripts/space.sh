# What fills the disk: file systems, the database, who collects. Reads nothing of the store's contents.
echo storekeeper-answer
say clock "$(date +%s)"
if [ -n "$settings_file" ]; then say config-from "$settings_file"; fi
for name in keep-derivations keep-outputs; do
    setting $name
    if [ -z "$value" ]; then setting gc-$name; fi
    say $name "$value"
done
say user "$(id -un 2>/dev/null)"
load=
if [ -r /proc/loadavg ]; then IFS= read -r load </proc/loadavg; fi
say load "$load"
say processors "$(getconf _NPROCESSORS_ONLN 2>/dev/null || nproc 2>/dev/null)"
if have systemctl; then
    systemctl list-units --failed --plain --no-legend --no-pager 'storekeeper*' 2>/dev/null |
        sed -n 's/^[^A-Za-z0-9]*\([^ ]*\).*/failed-unit=\1/p' | head -n 5
fi

# $1: a word. $2: a folder. What `df` says of it, and its line of the mount table.
file_system() {
    blocks=$(df -Pk "$2" 2>/dev/null)
    blocks=${blocks##*"$newline"}
    say "$1-blocks" "$blocks"
    inodes=$(df -Pi "$2" 2>/dev/null)
    say "$1-inodes" "${inodes##*"$newline"}"
    # The mount point is what stands behind the percentage; it may have blanks, which the table spells \040.
    say "$1-mount" "$(BLOCKS=$blocks awk '
        BEGIN {
            wanted = ENVIRON["BLOCKS"]
            if (match(wanted, /[ \t]([0-9]+%|-)[ \t]+\//)) wanted = substr(wanted, RSTART + RLENGTH - 1)
            gsub(/ /, "\\040", wanted)
        }
        $5 == wanted { found = $0 }
        END { print found }' /proc/self/mountinfo 2>/dev/null)"
    say "$1-device" "$(stat -L -c %d "$2" 2>/dev/null)"
}
file_system root /
if [ "$plain" != yes ]; then
    say store "$store"
    echo end=
    exit 0
fi
say folder "$directory"
file_system store "$directory"

if [ -r "$directory/.links" ]; then
    if [ -n "$(find "$directory/.links" -mindepth 1 -maxdepth 1 2>/dev/null | head -n 1)" ]; then say linked yes; else say linked no; fi
elif [ -x "$directory" ] && ! [ -e "$directory/.links" ]; then
    say linked no
fi

database=$state/db/db.sqlite
say database-file "$database"
if [ -e "$database" ]; then
    # shellcheck disable=SC2046 # Two numbers.
    set -- $(stat -L -c %s "$database" "$database-wal" 2>/dev/null)
    say database "${1-}"
    say wal "${2-}"
    # Bytes 16 and 17 are the size of a page, 36 to 39 count the free ones (the file format of SQLite, 1.3).
    # shellcheck disable=SC2046 # Bytes 16 to 39.
    set -- $(od -An -v -tx1 -j16 -N24 "$database" 2>/dev/null)
    say page "${1-}${2-}"
    say free "${21-}${22-}${23-}${24-}"
fi

# Roots that keep nothing any more. What programs have registered elsewhere (`auto`) is dropped by Nix itself, and the lease keeps
# what it names.
find "$state/gcroots" -maxdepth 3 \( -name auto -o -name storekeeper-lease \) -prune -o -type l -print 2>/dev/null |
    head -n 300 | while IFS= read -r link; do
    if [ -e "$link" ]; then continue; fi
    target=$(readlink "$link" 2>/dev/null)
    # Links to folders of roots are no roots. Those of a chroot store name paths as they are inside; and a path may be a link that
    # leads nowhere itself.
    case $target in
    */nix/store/*) if ! [ -e "$top$target" ] && ! [ -L "$top$target" ]; then say dangling "$target $link"; fi ;;
    esac
done

# How the last run of the upload lease went: the time, and what was wrong.
lease=$state/gcroots/storekeeper-lease
if [ -d "$lease" ]; then
    say lease yes
    if [ -r "$lease.state" ]; then
        say lease-at "$(sed -n 1p "$lease.state")"
        say lease-problem "$(sed -n 2p "$lease.state" | head -c 400)"
    fi
fi

# Who holds Nix's lock for collections, or waits for it. /proc/locks names the file by device and inode, and file systems such
# as btrfs have other device numbers there: so the process has to have the file open, where that can be seen.
lock=$state/gc.lock
if ! [ -r /proc/locks ]; then
    say locks unreadable
    echo end=
    exit 0
fi
if ! inode=$(stat -L -c %i "$lock" 2>/dev/null); then
    # No collection has ever run, or the folder can't be seen.
    if [ -d "$state" ] && [ -x "$state" ]; then say locks none; else say locks hidden; fi
    echo end=
    exit 0
fi
say locks read
has_open() {
    # Names that can't be seen do not speak against it.
    names=$(ls -l "/proc/$1/fd" 2>/dev/null) || return 0
    case $names in *"/gc.lock"*) ;; *) return 1 ;; esac
}
tell() {
    process=$1
    say process "$process"
    say mode "$2"
    # The number after the name in parentheses, which may have blanks itself.
    ticks=$(sed 's/.*) //' "/proc/$process/stat" 2>/dev/null | cut -d ' ' -f 20)
    hertz=$(getconf CLK_TCK 2>/dev/null)
    boot=$(sed -n 's/^btime //p' /proc/stat 2>/dev/null)
    if [ -n "$ticks" ] && [ -n "$boot" ]; then say since "$((boot + ticks / ${hertz:-100}))"; fi
    words=$(tr '\0\n\r' '   ' <"/proc/$process/cmdline" 2>/dev/null | head -c 400)
    # A daemon that serves a client names the client's process behind its own name.
    client=$(printf '%s\n' "$words" | sed -n 's/^[^ ]*nix-daemon  *\([0-9]\{1,\}\) *$/\1/p')
    if [ -n "$client" ] && [ -r "/proc/$client/cmdline" ]; then
        process=$client
        words=$(tr '\0\n\r' '   ' <"/proc/$client/cmdline" 2>/dev/null | head -c 400)
    fi
    say command "$words"
    say owner "$(stat -c %U "/proc/$process" 2>/dev/null)"
}
# `1: FLOCK ADVISORY WRITE 4711 fe:00:5309124 0 EOF`, and `1: -> FLOCK …` for one that waits.
awk -v inode="$inode" '
    { at = ($2 == "->") ? 3 : 2; split($(at + 4), file, ":") }
    $at == "FLOCK" && file[3] == inode { print $(at + 3), (at == 3) ? "waits" : (($(at + 2) == "WRITE") ? "holds" : "reads") }
' /proc/locks 2>/dev/null | while read -r process mode; do
    if [ "$process" -gt 0 ] 2>/dev/null && has_open "$process"; then tell "$process" "$mode"; fi
done
echo end=
