# $1: the audit log. $2: the id of a collection, whose list is removed: its record is in the log.
rm -f "${1%/*}/collect-$2.paths"
