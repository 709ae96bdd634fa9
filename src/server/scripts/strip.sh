# Put behind sqlite.sh and folder.sh. $1: a file for the statements that put the rows back. On stdin, one line a row: a path, the
# signatures that it has, and those that it keeps; all as hexadecimal digits. In one transaction the rows that are still so get the
# signatures that they keep. What becomes of each row is said when the transaction has ended.
umask 077
file=./${1##*/}
enter "${1%/*}"
rows=$(cat) || exit 74
form='^\([0-9a-f]\{1,\}\) \([0-9a-f]\{1,\}\) \([0-9a-f]*\)$'
if [ -z "$rows" ] || printf '%s\n' "$rows" | grep -qv "$form"; then fail 65 "what was sent is no list of rows"; fi
back() {
    echo 'begin immediate;'
    printf '%s\n' "$rows" | sed "s/$form/update ValidPaths set sigs = cast(x'\2' as text) where path = cast(x'\1' as text) and coalesce(sigs, '') = cast(x'\3' as text);/"
    echo 'commit;'
}
# Before anything is changed, the rows as they are have to be on the disk, whole.
rm -f "$file.new"
{ set -C && back >"$file.new"; } 2>/dev/null && { sync "$file.new" 2>/dev/null || sync; } || fail 74 "$1 can't be written"
[ "$(back | cksum)" = "$(cksum <"$file.new")" ] && mv -f "$file.new" "$file" || fail 74 "$1 was not written as it should be"
echo storekeeper-answer
{
    echo "$wait_for_writers"
    echo 'pragma temp_store = memory;
create temp table want(path text primary key, old text, new text) without rowid;
create temp table said(path text primary key, what text) without rowid;
begin;'
    printf '%s\n' "$rows" | sed "s/$form/insert into want values(cast(x'\1' as text), cast(x'\2' as text), cast(x'\3' as text));/"
    echo "commit;
begin immediate;
insert into said select w.path, case when v.path is null then 'gone'
    when coalesce(v.sigs, '') = w.new then 'done' when v.sigs = w.old then 'now' else 'changed' end
    from want w left join ValidPaths v on v.path = w.path;
update ValidPaths set sigs = (select nullif(new, '') from want where want.path = ValidPaths.path)
    where path in (select path from said where what = 'now');
commit;
select what || '=' || lower(hex(path)) from said;"
} | sqlite3 -init /dev/null -batch -bail "$database" || fail 75 "SQLite did not go along to the end"
echo end=
