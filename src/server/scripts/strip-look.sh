# Put behind sqlite.sh. $1: the name of a key. $2: a row's number. $3: how many rows. The first of those behind that number with a
# signature by that name: number, path and signatures; name, path and signatures as hexadecimal digits.
is_hex "$1" && case $2$3 in *[!0-9]*) false ;; esac || exit 64
echo storekeeper-answer
sqlite3 -init /dev/null -batch -bail -readonly "$database" <<END || exit 1
$wait_for_writers
select 'row=' || id || ' ' || lower(hex(path)) || ' ' || lower(hex(sigs)) from ValidPaths
where id > $2 and instr(' ' || sigs, ' ' || cast(x'$1' as text) || ':') > 0 order by id limit $3;
END
echo end=
