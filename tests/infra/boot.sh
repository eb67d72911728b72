#!/bin/bash
# Boots a systemd over a copy-on-write view of this machine, in namespaces of its own, and runs a script there:
# boot.sh FOLDER runs FOLDER/inside.sh, whose words are FOLDER/told. Nothing outside of FOLDER is changed. Needs root.
set -e
[ -n "$BOOTED" ] || BOOTED=1 exec unshare --mount --pid --cgroup --net --fork --kill-child bash "$0" "$1"
ip link set lo up
mount --make-rprivate /
over=$(mktemp -d)
mount -t tmpfs tmpfs "$over"
mkdir "$over"/{changes,work,root}
mount -t overlay overlay -o "lowerdir=/,upperdir=$over/changes,workdir=$over/work" "$over/root"
mkdir -p "$over/root/given"
mount --bind "$1" "$over/root/given"
cd "$over/root"
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
# Only what the script starts: nothing that would touch the machine's kernel or devices.
rm -rf usr/lib/systemd/system/*.target.wants etc/systemd/system/*.target.wants
for unit in tmp dev-hugepages dev-mqueue sys-fs-fuse-connections; do ln -sf /dev/null "etc/systemd/system/$unit.mount"; done
cat >etc/systemd/system/inside.service <<'UNIT'
[Service]
Type=oneshot
ExecStart=/bin/bash /given/inside.sh
StandardOutput=file:/given/told
StandardError=file:/given/told
ExecStopPost=/bin/systemctl exit 0
UNIT
mkdir mnt/before
pivot_root . mnt/before
cd /
umount --lazy /mnt/before
exec env -i container=docker PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --unit=inside.service \
    --log-target=console --show-status=0
