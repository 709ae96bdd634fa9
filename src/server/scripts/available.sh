# $1: the real folder of a store. Says what is left of its file system.
echo storekeeper-answer
printf 'disk=%s\n' "$(df -Pk "$1" 2>/dev/null | tail -n 1)"
echo end=
