# $1: storekeeper's program, or its name. Whether a timer of root's can run it there.
echo storekeeper-answer
say() { printf '%s=%s\n' "$1" "$2"; }
program=$(command -v "$1" 2>/dev/null)
case $program in
/*)
    program=$(readlink -f -- "$program")
    say program "$program"
    say version "$("$program" --version 2>/dev/null </dev/null | head -n 1 | cut -c 1-100)"
    # An account that may write it or put another in its place would be root.
    place=$program
    while [ -n "$place" ]; do
        case $(stat -c '%u %A' "$place" 2>/dev/null) in
        '0 '?????-??-* | '0 d'????????[tT]*) ;;
        *) say loose "$place" ;;
        esac
        place=${place%/*}
    done
    ;;
esac
echo end=
