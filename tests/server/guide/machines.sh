#!/bin/sh
# machines.sh FOLDER PROGRAM MACHINE...: makes machines that are alone with each other, prints each name with the id of a process that is
# there, and holds them until its standard input ends. It is the first process of namespaces of its own, so all that was started ends with it.
#
# A machine is this one's file system with changes of its own, less what an installation of Nix, sshd or storekeeper has left there. They share
# a network that has nothing but the loopback address, on which each port is free.
set -eu
folder=$1 program=$2
shift 2
busybox ip link set lo up
mount -t tmpfs -o mode=755 machines "$folder"
for name in "$@"; do
  root=$folder/$name
  mkdir "$root" "$root.upper" "$root.work"
  mount -t overlay -o "lowerdir=/,upperdir=$root.upper,workdir=$root.work" overlay "$root"
  rm -rf "$root/etc/nix" "$root/etc/storekeeper" "$root/etc/ssh" "$root/var/lib/storekeeper" "$root/var/lib/nix-ssh"
  mkdir -p "$root/nix" "$root/etc/ssh/sshd_config.d" "$root/etc/ssh/ssh_config.d"
  for empty in run tmp nix var/log dev; do
    mount -t tmpfs -o mode=755 tmpfs "$root/$empty"
  done
  chmod 1777 "$root/tmp"
  # Taking a home away that has a compiler in it would take a minute.
  mount -t tmpfs -o mode=700 tmpfs "$root/root"
  mount -t proc proc "$root/proc"
  for device in null zero full random urandom tty; do
    : >"$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
  done
  ln -s /proc/self/fd "$root/dev/fd"
  for number in 0:stdin 1:stdout 2:stderr; do
    ln -s "/proc/self/fd/${number%:*}" "$root/dev/${number#*:}"
  done
  mkdir "$root/dev/pts"
  mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
  ln -s pts/ptmx "$root/dev/ptmx"
  echo '127.0.0.1 localhost cache.example.org' >"$root/etc/hosts"
  # Debian's own, as it comes with the package.
  cp /usr/share/openssh/sshd_config "$root/etc/ssh/sshd_config"
  for account in nix-ssh storekeeper; do
    sed -i "/^$account:/d" "$root/etc/passwd" "$root/etc/shadow" "$root/etc/group" "$root/etc/gshadow"
  done
  # No systemd runs here: the two services that the scripts name are restarted by this.
  cat >"$root/usr/local/bin/systemctl" <<'END'
#!/bin/sh
set -eu
case "$*" in
"reload ssh") kill -HUP "$(cat /run/sshd.pid)" ;;
"restart nix-daemon" | "try-restart nix-daemon.service")
  if [ -e /run/nix-daemon.pid ]; then
    kill "$(cat /run/nix-daemon.pid)"
  elif [ "$1" = try-restart ]; then
    exit 0
  fi
  rm -f /nix/var/nix/daemon-socket/socket
  nix-daemon </dev/null >/dev/null 2>&1 &
  echo $! >/run/nix-daemon.pid
  while ! [ -S /nix/var/nix/daemon-socket/socket ]; do sleep 0.05; done
  ;;
*)
  echo "systemctl: nobody has said what $* does" >&2
  exit 1
  ;;
esac
END
  chmod 755 "$root/usr/local/bin/systemctl"
  : >"$root/usr/local/bin/storekeeper"
  mount --bind "$program" "$root/usr/local/bin/storekeeper"
  # A root of its own, not only a folder that is taken for one: Nix gives ssh the root that its mount namespace has.
  # shellcheck disable=SC2016
  unshare --mount sh -euc '
    # /proc is still that of the test.
    read -r pid rest </proc/self/stat
    cd "$1"
    mkdir old
    pivot_root . old
    umount -l /old
    rmdir /old
    echo "$2 $pid"
    exec sleep infinity >/dev/null' - "$root" "$name" &
done
exec >/dev/null
while read -r rest; do :; done
