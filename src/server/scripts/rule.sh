# Put before the scripts that ask for the two-person rule. It lies beside the audit log, and holds too where another client names
# another audit log: so the usual folder is looked at as well.
# $1: a folder. Says what its rule is; nothing where there is none, and why where it can't be read.
rule_in() {
    rule=$1/two-persons.toml
    if ! [ -e "$rule" ] && ! [ -L "$rule" ]; then return; fi
    if [ -f "$rule" ] && [ -r "$rule" ]; then
        printf 'rule=%s\n' "$(head -c 8193 "$rule" 2>/dev/null | base64 2>/dev/null | tr -d '\n')"
    else
        echo "rule-why=$rule can't be read"
    fi
}
# $1: the folder of the audit log. The usual one is hidden from logins without root's rights, who keep an audit log of their own.
rules() {
    rule_in "$1"
    if [ -d "$1" ] && ! [ -x "$1" ]; then echo "rule-why=$1 can't be entered"; fi
    if [ "$1" != /var/lib/storekeeper ]; then rule_in /var/lib/storekeeper; fi
}
