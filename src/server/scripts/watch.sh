# $1: the cache user. $2: the folder of requests. $3: the audit log. $4: sshd's log file, or nothing for the journal or the usual
# files. $5: since when changes count, in seconds of this clock. $6: how many files of signing keys and programs come next. The rest:
# key files that the administrator has named for the cache user, in place of those that sshd reads.
# Says what has changed on the server. Each line of its input is one look, and a look that finds nothing new writes nothing: so
# the reader sets the pace, nothing sleeps here, and all of it ends with its input. A look is one program, since programs are what
# costs: `files` asks for the facts of all files together where one of them has a newer time, `facts` in any case, `locks` for who
# holds a lock or listens, `disk` for the file system.
set -f
cache=$1
requests=$2
audit=$3
wanted=$4
since=$5
count=$6
shift 6
# What Nix is on the server, besides its database: a file a line.
settings_files=$newline${NIX_CONF_DIR:-/etc/nix}/nix.conf$newline${NIX_CONF_DIR:-/etc/nix}/nix.custom.conf$newline
settings_folders=
while [ "$count" -gt 0 ]; do
    case $1 in /*)
        settings_files=$settings_files$1$newline
        settings_folders=$settings_folders${1%/*}$newline
        ;;
    esac
    shift
    count=$((count - 1))
done
echo storekeeper-answer
if ! have stat; then
    echo "problem=there is no stat command on the server"
    exit 0
fi

# --- what is looked at -------------------------------------------------------------------------------------------------
# Key files, what else decides on keys, and their folders: one a line.
keys=$newline/etc/passwd$newline
add_key() { case $1 in /*) keys=$keys$1$newline${1%/*}$newline ;; esac; }
for file; do add_key "$file"; done
named=$#
user=$cache
entry=$(getent passwd "$user" 2>/dev/null) || entry=$(grep "^$user:" /etc/passwd 2>/dev/null)
if [ -n "$entry" ] && [ -n "$sshd" ] && settings_for "$user"; then
    account "$entry"
    words=
    for word in revokedkeys trustedusercakeys authorizedprincipalsfile; do
        keyword $word
        words="$words $value"
    done
    if [ "$named" = 0 ]; then
        keyword authorizedkeysfile
        words="$words $value"
    fi
    for word in $words; do
        if [ "$word" != none ] && expand "$word"; then add_key "$path"; fi
    done
elif [ "$named" = 0 ]; then
    echo hidden=keys
fi

# sshd's configuration, and what it includes: a relative name is below /etc/ssh whatever file it stands in.
config=${config:-/etc/ssh/sshd_config}
included=
for word in $(sed -n 's/^[[:space:]]*[Ii]nclude[[:space:]=]*//p' "$config" 2>/dev/null); do
    case $word in
    /*) included="$included $word ${word%/*}" ;;
    *) included="$included /etc/ssh/$word /etc/ssh/${word%/*}" ;;
    esac
done

database=
lock=
socket=${NIX_DAEMON_SOCKET_PATH:-}
if [ "$plain" = yes ]; then
    database=$state/db/db.sqlite
    lock=$state/gc.lock
    if [ -z "$socket" ] && [ -z "$top" ]; then socket=$state/daemon-socket/socket; fi
else
    directory=
    echo hidden=database
    echo hidden=disk
    echo hidden=gc
    case $store in
    unix:///*)
        socket=${store#unix://}
        socket=${socket%%'?'*}
        ;;
    esac
fi

# What a look costs is not worth it where the journal is busy with others: after one that found nothing, some are left out.
journals=
log=$wanted
if [ -z "$log" ]; then
    slowly() { if timeout 9 true 2>/dev/null; then timeout 30 "$@"; else "$@"; fi; }
    if have journalctl && [ -n "$(slowly journalctl -q -n 1 -o cat -t sshd -t sshd-session -t sshd-auth 2>/dev/null)" ]; then
        journals="/var/log/journal/*/system.journal /run/log/journal/*/system.journal"
        cursor=$(slowly journalctl -q -n 0 --show-cursor 2>/dev/null | sed -n 's/^-- cursor: //p')
    else
        for file in /var/log/auth.log /var/log/secure; do
            if [ -z "$log" ] && [ -r "$file" ]; then log=$file; fi
        done
    fi
fi

markers=${audit%/*}
# $1: a word. $2: a file. Where it may be and can't be seen, its changes can't be either.
hidden() {
    folder=$2
    while [ -n "$folder" ] && ! [ -e "$folder" ]; do folder=${folder%/*}; done
    if [ -d "${folder:-/}" ] && ! [ -x "${folder:-/}" ]; then echo "hidden=$1"; fi
}
IFS=$newline
for file in $keys; do hidden keys "$file"; done
for file in $settings_files; do hidden settings "$file"; done
unset IFS
if [ -n "$database" ]; then hidden database "$database"; fi
hidden requests "$requests/waiting"
hidden audit "$audit"
hidden jobs "$markers/unfinished-"
if [ -z "$journals" ] && ! [ -r "$log" ]; then echo hidden=login; fi
hidden sshd "$config"

# --- files -------------------------------------------------------------------------------------------------------------
# $1: the lines of stat. What belongs together is put into one variable.
sort_out() {
    found_database=
    found_keys=
    found_requests=
    found_audit=
    found_jobs=
    found_log=
    found_sshd=
    found_settings=
    found_socket=
    gc_inode=
    marker_inodes=
    IFS=$newline
    for line in $1; do
        name=${line%|*}
        facts=${line##*|}
        case $name in
        # Without the time of the last change of its facts: whoever opens it as root sets its owner, also to read.
        "$database") found_database=$found_database${line% * * *} ;;
        "$database-wal")
            # An empty one is as good as none; both come and go with mere readers.
            case $facts in *' 0 size '*) ;; *) found_database=$found_database${line% * * *} ;; esac
            ;;
        "$lock") gc_inode=${facts%% *} ;;
        "$socket") found_socket=yes ;;
        "$audit") found_audit=$line ;;
        "$markers" | "$markers"/plans | "$markers"/unfinished-*) found_jobs=$found_jobs$line$newline ;;
        "$requests" | "$requests"/*) found_requests=$found_requests$line ;;
        "$log") found_log=$facts ;;
        */system.journal) found_log=$found_log$facts ;;
        esac
        case $name in
        "$markers"/unfinished-*) marker_inodes="$marker_inodes ${facts%% *}" ;;
        esac
        # One file may be two things.
        case $keys in *"$newline$name$newline"*) found_keys=$found_keys$line ;; esac
        case $settings_files in *"$newline$name$newline"*)
            found_settings=$found_settings$line
            continue
            ;;
        esac
        case " $config $included " in
        *" $name "*) found_sshd=$found_sshd$line ;;
        *) case $name in *.conf) found_sshd=$found_sshd$line ;; esac ;;
        esac
    done
    unset IFS
}

# Whether a log's lines, on standard input, tell of somebody. What this connection does is known, and what the sessions of
# other administrators run is nobody's login.
tells() {
    awk -v port="${own_port:-none}" -v user="$cache" -v all="$1" '
        !all && !/sshd/ { next }
        index($0 " ", " port " port " ") { next }
        / (Starting session|Close session): / || /^(Starting session|Close session): / {
            if (index($0, " " user " ")) { found = 1; exit }
            next
        }
        / port [0-9]/ || /Authentication / || /session (opened|closed) for user/ && index($0, user) { found = 1; exit }
        END { exit !found }' 2>/dev/null
}
own_port=${connection#* }
own_port=${own_port%% *}
if [ -z "$connection" ]; then own_port=; fi

# $1: the facts before, $2: the facts now.
look_at_log() {
    size=${1#* }
    size=${size%% *}
    new=${2#* }
    new=${new%% *}
    if [ "${1%% *}" = "${2%% *}" ] && [ "${new:-0}" -ge "${size:-0}" ]; then
        if ! tail -c "+$((${size:-0} + 1))" "$log" 2>/dev/null | tells; then return; fi
    fi
    echo login=
}

waits=0
pending=
look_at_journal() {
    if [ "$waits" -gt 0 ]; then
        waits=$((waits - 1))
        return
    fi
    pending=
    waits=15
    new=$(journalctl -q -n 200 --after-cursor="$cursor" -t sshd -t sshd-session -t sshd-auth -o cat --show-cursor 2>/dev/null)
    case $new in
    *'-- cursor: '*)
        cursor=${new##*'-- cursor: '}
        if printf '%s\n' "${new%'-- cursor: '*}" | tells all; then
            waits=1
            echo login=
        fi
        ;;
    esac
}

# $1: a word, $2 and $3: what was found before and now.
compare() { if [ "$2" != "$3" ]; then echo "$1="; fi; }

ask_files() {
    # Sets `files`. IFS is as usual, and the patterns are to be taken as such.
    set +f
    # shellcheck disable=SC2086
    files=$(stat -L -c '%n|%i %s size %a %u %y %z' -- "$@" "$markers"/unfinished-* "$config" $included $journals 2>/dev/null)
    set -f
}

# The lines of those that have a newer time than the beginning.
changed_since() {
    set +f
    unset IFS
    # shellcheck disable=SC2086
    stat -L -c '%Z %n' -- "$@" "$markers"/unfinished-* "$config" $included 2>/dev/null |
        awk -v since="$since" '$1 >= since { sub(/^[0-9]+ /, ""); print $0 "|changed" }'
    set -f
}

# Whether all files are there that were, and none has a newer time than the pipe that was made when something had changed last. It
# takes no program. While something changes this does not count: the pipe has to be older than whatever is new to it.
there=
still=
mark() {
    exec 9<<END
mark
END
}
unchanged() {
    if [ -z "$still" ]; then return 1; fi
    was_there=$there
    take_there "$@"
    [ "$there" = "$was_there" ] && [ -z "$newer" ]
}
# Sets `there` and `newer`.
take_there() {
    there=
    newer=
    set +f
    # shellcheck disable=SC2086
    for file in "$@" "$markers"/unfinished-* "$config" $included $journals; do
        if ! [ -e "$file" ]; then
            there="$there-"
            continue
        fi
        there="$there+"
        # shellcheck disable=SC3013
        if [ "$file" -nt /proc/self/fd/9 ]; then newer=yes; fi
    done
    set -f
}

before=
look_files() {
    ask_files "$@"
    if [ "$files" = "$before" ]; then
        # Not where the pipe can't be compared with.
        if [ -z "$still" ] && [ -e /proc/self/fd/9 ]; then
            take_there "$@"
            still=yes
        fi
        if [ -n "$pending" ]; then look_at_journal; fi
        return
    fi
    before=$files
    still=
    mark
    was_database=$found_database was_keys=$found_keys was_requests=$found_requests was_audit=$found_audit
    was_jobs=$found_jobs was_log=$found_log was_sshd=$found_sshd was_settings=$found_settings was_locks="$gc_inode$marker_inodes"
    sort_out "$files"
    compare database "$was_database" "$found_database"
    compare keys "$was_keys" "$found_keys"
    compare requests "$was_requests" "$found_requests"
    compare audit "$was_audit" "$found_audit"
    compare jobs "$was_jobs" "$found_jobs"
    compare sshd "$was_sshd" "$found_sshd"
    compare settings "$was_settings" "$found_settings"
    if [ "$was_log" != "$found_log" ]; then
        if [ -n "$journals" ]; then pending=yes; else look_at_log "$was_log" "$found_log"; fi
    fi
    if [ -n "$pending" ]; then look_at_journal; fi
    if [ "$listens" = no ] && [ -n "$found_socket" ]; then
        listens=listed
        make_pattern
    elif [ "$was_locks" != "$gc_inode$marker_inodes" ]; then
        make_pattern
    fi
}

# --- locks and the daemon's socket ---------------------------------------------------------------------------------------
# `1: FLOCK ADVISORY WRITE 4711 fe:00:5309124 0 EOF` is a lock that is held; of one that is waited for, an arrow comes first.
# File systems such as btrfs have other device numbers there, so it goes by the inode: what is said is a reason to look.
# A socket that somebody listens at is `ffff8881: 00000002 00000000 00010000 0001 01 4711 /the/socket`.
escaped=$(printf '%s\n' "$socket" | sed 's/[][\.*^$]/\\&/g')
make_pattern() {
    pattern=
    for inode in $gc_inode $marker_inodes; do
        pattern="$pattern$newline^[0-9]*: FLOCK .* WRITE .*:$inode 0 EOF"
    done
    if [ "$listens" = listed ]; then pattern="$pattern$newline 00010000 .* $escaped\$"; fi
    pattern=${pattern#"$newline"}
}

held=no
markers_held=
daemon=
look_locks() {
    found=
    if [ -n "$pattern" ]; then found=$(grep -hs -e "$pattern" /proc/locks /proc/net/unix); fi
    if [ "$listens" = exists ]; then
        if [ -S "$socket" ]; then found="$found$newline $socket"; fi
    fi
    if [ "$found" = "$found_before" ]; then return; fi
    found_before=$found
    was_held=$held was_markers=$markers_held was_daemon=$daemon
    held=no
    markers_held=
    if [ "$listens" != no ]; then daemon=no; fi
    IFS=$newline
    for line in $found; do
        case $line in
        *":$gc_inode 0 EOF") held=yes ;;
        *' 0 EOF') markers_held="$markers_held ${line##*:}" ;;
        *" $socket") daemon=yes ;;
        esac
    done
    unset IFS
    if [ "$held" != "$was_held" ]; then echo "gc=$held"; fi
    if [ "$daemon" != "$was_daemon" ]; then echo "daemon=$daemon"; fi
    compare jobs "$was_markers" "$markers_held"
}

# --- the file system -----------------------------------------------------------------------------------------------------
facts_told=
look_disk() {
    if [ -z "$directory" ]; then return; fi
    facts=$(stat -f -L -c '%S %b %f %a %c %d' -- "$directory" 2>/dev/null) || return
    if [ "$facts" = "$facts_told" ]; then return; fi
    # A thousandth of it is a step.
    # shellcheck disable=SC2086
    set -- $facts
    if [ -n "$facts_told" ]; then
        blocks=$(($3 - free_told))
        inodes=$(($6 - inodes_told))
        if [ "$2" = "$blocks_told" ] && [ "${blocks#-}" -le "$(($2 / 1000))" ] && [ "${inodes#-}" -le "$(($5 / 1000))" ]; then return; fi
    fi
    facts_told=$facts
    blocks_told=$2
    free_told=$3
    inodes_told=$6
    echo "disk=$facts"
}

# --- the beginning -------------------------------------------------------------------------------------------------------
listens=no
if [ -n "$socket" ] && [ -e "$socket" ]; then
    listens=listed
    if ! grep -qs " 00010000 .* $escaped\$" /proc/net/unix; then
        # The listener may be in a network of its own, where it is not listed here: then a name that is there has to do.
        if modern store ping --store "unix://$socket" >/dev/null || modern store info --store "unix://$socket" >/dev/null; then
            listens=exists
        fi
    fi
fi
IFS=$newline
# shellcheck disable=SC2086
set -- $keys $settings_files
unset IFS
set -- "$@" "$requests" "$requests/waiting" "$requests/approved" "$requests/denied" "$requests/revoked" "$audit" "$markers" "$markers/plans"
if [ -n "$database" ]; then set -- "$@" "$database" "$database-wal" "$lock"; fi
if [ -n "$log" ]; then set -- "$@" "$log"; fi
if [ -n "$socket" ]; then set -- "$@" "$socket"; fi
ask_files "$@"
before=$files
mark
# What was changed between the connection and now was perhaps read before that. A file that is gone shows by its folder, which for
# those of settings counts here only: others may write there all the time.
settings_only=$settings_files
settings_files=$settings_files$settings_folders
IFS=$newline
# shellcheck disable=SC2086
changed=$(changed_since "$@" $settings_folders)
unset IFS
sort_out "$changed"
settings_files=$settings_only
for word in keys requests audit jobs sshd settings; do
    eval "if [ -n \"\$found_$word\" ]; then echo $word=; fi"
done
sort_out "$files"
make_pattern
found_before=$newline
look_locks
look_disk
echo began=
while read -r word; do
    case $word in
    files)
        if ! unchanged "$@"; then
            look_files "$@"
        elif [ -n "$pending" ]; then
            look_at_journal
        fi
        ;;
    facts) look_files "$@" ;;
    locks) look_locks ;;
    disk) look_disk ;;
    alive) echo alive= ;;
    esac
done
