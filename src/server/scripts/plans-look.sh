# Put behind rule.sh. $1: the folder of the audit log. Says what the two-person rule is, and hands out the plans that wait.
folder=$1
plans=$1/plans
echo storekeeper-answer
say() { printf '%s=%s\n' "$1" "$2"; }
say clock "$(date +%s)"
rules "$folder"
if [ -f "$folder/two-persons.toml" ]; then say shown "$(sha256sum 2>/dev/null <"$folder/two-persons.toml" | cut -d ' ' -f 1)"; fi
if [ -d "$plans" ]; then
    if [ -r "$plans" ] && [ -x "$plans" ]; then
        set -- "$plans"/*.json "$plans"/*.begun-*
        many=0
        for file; do
            if [ -L "$file" ] || ! [ -f "$file" ]; then continue; fi
            case ${file##*/} in *[!0-9a-z.-]*) continue ;; esac
            many=$((many + 1))
            if [ $many -gt 100 ]; then
                say more yes
                break
            fi
            say plan "${file##*/}"
            say sha256 "$(sha256sum 2>/dev/null <"$file" | cut -d ' ' -f 1)"
            say content "$(head -c 262145 "$file" 2>/dev/null | base64 2>/dev/null | tr -d '\n')"
        done
    else
        say hidden yes
    fi
elif [ -d "$folder" ] && ! [ -x "$folder" ]; then
    say hidden yes
fi
echo end=
