# On stdin: links of generations, one a line. When each was made, and whether its profile leads to it.
echo storekeeper-answer
say() { printf '%s=%s\n' "$1" "$2"; }
while IFS= read -r link; do
    say link "$link"
    say made "$(stat -c %Y "$link" 2>/dev/null)"
    case $(readlink "${link%-*-link}" 2>/dev/null) in
    "$link" | "${link##*/}") say current yes ;;
    esac
done
echo end=
