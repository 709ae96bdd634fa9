#!/bin/sh
# Stands in for journalctl where no journal runs: replays a recording in the form of `journalctl -o export`, as far as it is asked for.
# The recording is `entries` beside this script. Understood are -q, -r, -n COUNT, -o json or cat, --output-fields and -t.
reverse=0 count=0 form=cat fields='' tags=''
while [ $# -gt 0 ]; do
    case $1 in
    -q) ;;
    -r) reverse=1 ;;
    -n) count=$2 && shift ;;
    -o) form=$2 && shift ;;
    --output-fields=*) fields=${1#*=} ;;
    -t) tags=$tags,$2 && shift ;;
    *) exit 64 ;;
    esac
    shift
done
awk -v RS= -v FS='\n' -v reverse="$reverse" -v count="$count" -v form="$form" -v fields=",$fields," -v tags="$tags," '
{
    json = ""
    tag = ""
    for (at = 1; at <= NF; at++) {
        name = substr($at, 1, index($at, "=") - 1)
        value = substr($at, index($at, "=") + 1)
        if (name == "SYSLOG_IDENTIFIER") tag = value
        if (name == "MESSAGE") message = value
        # What begins with two underscores is always there.
        if (name !~ /^__/ && fields != ",," && index(fields, "," name ",") == 0) continue
        gsub(/[\\"]/, "\\\\&", value)
        json = json (json == "" ? "{" : ",") "\"" name "\":\"" value "\""
    }
    if (index(tags, "," tag ",") > 0) lines[++all] = form == "json" ? json "}" : message
}
END {
    first = count > 0 && count < all ? all - count + 1 : 1
    for (at = first; at <= all; at++) print lines[reverse ? all + first - at : at]
}' "$(dirname "$0")/entries"
