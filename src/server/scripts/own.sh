# Says which connection this is, as the server sees it, and what its clock shows.
echo storekeeper-answer
printf 'connection=%s\n' "${SSH_CONNECTION:-}"
printf 'clock=%s\n' "$(date +%s)"
echo end=
