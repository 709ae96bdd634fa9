# The arguments are the daemon's command.
exec "$@"
