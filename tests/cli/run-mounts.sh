#!/bin/bash
# -v, --mount, --tmpfs, --read-only, and what is mounted in every container.
. "$(dirname "$0")/../lib/harness.sh"
import_busybox
mkdir "$T/dir" "$T/dir/sub"
echo content >"$T/dir/file"
echo single >"$T/file"

it "-v"
prints content strake run --rm -v "$T/dir:/mnt" busybox cat /mnt/file
ok strake run --rm -v "$T/dir:/mnt" busybox sh -c 'echo new >/mnt/new'
eq "writes arrive" "$(cat "$T/dir/new")" new
prints content strake run --rm -v "$T/dir:/mnt:rw" busybox cat /mnt/file
exits 1 strake run --rm -v "$T/dir:/mnt:ro" busybox sh -c 'echo x >/mnt/ro 2>/dev/null'
check "ro is read-only" test ! -e "$T/dir/ro"
exits 1 strake run --rm -v "$T/dir:/mnt:ro" busybox mount -o remount,rw /mnt
prints single strake run --rm -v "$T/file:/some/new/file" busybox cat /some/new/file
prints single strake run --rm -v "$T/file:/etc/passwd:ro" busybox cat /etc/passwd
prints content strake run --rm -v "$T/dir:/mnt:z" busybox cat /mnt/file
prints content strake run --rm -v "$T/dir:/mnt:ro,Z" busybox cat /mnt/file
prints "content single" strake run --rm -v "$T/dir:/mnt" -v "$T/file:/mnt/sub/f" busybox sh -c 'echo $(cat /mnt/file /mnt/sub/f)'
ok strake run --rm -v "$T/made-by-docker-too:/mnt" busybox touch /mnt/x
check "a missing source directory is made" test -e "$T/made-by-docker-too/x"
prints content bash -c "cd '$T' && '$STRAKE' run --rm -v ./dir:/mnt busybox cat /mnt/file"
fails_with 125 'volume|absolute' strake run --rm -v named:/mnt busybox true
fails_with 125 'absolute|/mnt|mnt' strake run --rm -v "$T/dir:mnt" busybox true
fails_with 125 'nonsense' strake run --rm -v "$T/dir:/mnt:nonsense" busybox true
fails_with 125 . strake run --rm -v "" busybox true
mkdir "$T/closed" && chmod 0 "$T/closed"
ok strake run --rm -v "$T/closed:/mnt" busybox true
chmod 700 "$T/closed"

it "a mount point that is a symlink in the image stays inside"
mkdir "$T/ctx" && ln -s "$T" "$T/ctx/link" && ln -s ../../../../../../.."$T" "$T/ctx/rel"
tar -C "$T/ctx" -c . -f "$T/links.tar"
cat "$FIXTURES/busybox.tar" >"$T/l.tar" && tar -A -f "$T/l.tar" "$T/links.tar"
strake import -q "$T/l.tar" links >/dev/null
ok strake run --rm -v "$T/dir:/link/inside" links true
ok strake run --rm -v "$T/dir:/rel/inside2" links true
ok strake run --rm -w /link/inside3 links true
ok strake run --rm --tmpfs /rel/inside4 links true
eq "nothing is made on the host" "$(find "$T" -maxdepth 1 -name 'inside*')" ""

it "--mount"
prints content strake run --rm --mount "type=bind,source=$T/dir,target=/mnt" busybox cat /mnt/file
prints content strake run --rm --mount "type=bind,src=$T/dir,dst=/mnt,readonly" busybox cat /mnt/file
exits 1 strake run --rm --mount "type=bind,src=$T/dir,destination=/mnt,ro=true" busybox sh -c '>/mnt/x' 2>/dev/null
prints_like ' tmpfs ' strake run --rm --mount type=tmpfs,target=/t busybox grep ' /t ' /proc/mounts
prints_like 'size=1024k' strake run --rm --mount type=tmpfs,dst=/t,tmpfs-size=1m busybox grep ' /t ' /proc/mounts
fails_with 125 'missing' strake run --rm --mount "type=bind,src=$T/missing,dst=/mnt" busybox true
fails_with 125 'type|nonsense' strake run --rm --mount "type=nonsense,dst=/mnt" busybox true
fails_with 125 'nonsense' strake run --rm --mount "type=bind,src=$T/dir,dst=/mnt,nonsense=1" busybox true
fails_with 125 'target|destination|dst' strake run --rm --mount "type=bind,src=$T/dir" busybox true

it "--tmpfs"
prints_like 'tmpfs' strake run --rm --tmpfs /t busybox grep ' /t ' /proc/mounts
prints_like 'size=2048k' strake run --rm --tmpfs /t:size=2m,mode=0700 busybox grep ' /t ' /proc/mounts
prints 700 strake run --rm --tmpfs /t:mode=0700 busybox stat -c %a /t
prints_like 'noexec' strake run --rm --tmpfs /t busybox grep ' /t ' /proc/mounts
fails_with 125 'nonsense' strake run --rm --tmpfs /t:nonsense busybox true

it "--read-only"
exits 1 strake run --rm --read-only busybox sh -c 'echo x >/x' 2>/dev/null
ok strake run --rm --read-only busybox sh -c 'echo x >/dev/shm/x'
ok strake run --rm --read-only --tmpfs /t busybox sh -c 'echo x >/t/x'
ok strake run --rm --read-only -v "$T/dir:/mnt" busybox sh -c 'echo x >/mnt/x'
exits 1 strake run --rm --read-only busybox sh -c 'mount -o remount,rw / && echo x >/x' 2>/dev/null

it "/dev"
ok strake run --rm busybox sh -c 'for d in null zero full random urandom tty; do test -c /dev/$d || echo "no $d"; done'
eq "nodes" "$out" ""
prints "4096" strake run --rm busybox sh -c 'head -c 4096 /dev/zero | wc -c'
ok strake run --rm busybox sh -c 'echo x >/dev/null'
exits 1 strake run --rm busybox sh -c 'echo x >/dev/full' 2>/dev/null
prints "/proc/self/fd /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2" strake run --rm busybox sh -c \
	'for f in fd stdin stdout stderr; do readlink /dev/$f; done | tr "\n" " " | sed "s/ $//"'
prints_like pts/ptmx strake run --rm busybox readlink /dev/ptmx
prints "devpts tmpfs mqueue" strake run --rm busybox sh -c \
	'for m in pts shm mqueue; do awk -v m=/dev/$m "\$2 == m { print \$3 }" /proc/mounts; done | tr "\n" " " | sed "s/ $//"'
prints 1777 strake run --rm busybox stat -c %a /dev/shm
eq "no host device beside these" "$(strake run --rm busybox sh -c 'find /dev -xdev -type b; ls /dev | grep -E "sd|vd|kmsg|mem|fuse|kvm"')" ""

it "/proc and /sys"
prints_like 'ro' strake run --rm busybox grep -E '^[^ ]+ /sys ' /proc/mounts
exits 1 strake run --rm busybox sh -c 'echo 1 >/proc/sys/kernel/printk' 2>/dev/null
exits 1 strake run --rm busybox sh -c 'echo b >/proc/sysrq-trigger' 2>/dev/null
for p in /proc/kcore /proc/keys /proc/timer_list /proc/sched_debug; do
	[ ! -e "$p" ] || prints "" strake run --rm busybox cat "$p"
done
for p in /proc/acpi /proc/scsi /sys/firmware /proc/asound; do
	[ ! -d "$p" ] || prints "" strake run --rm busybox ls "$p"
done
for p in bus fs irq sys; do
	[ ! -e "/proc/$p" ] || prints_like '^ro' strake run --rm busybox sh -c "awk '\$2 == \"/proc/$p\" { print \$4 }' /proc/mounts"
done
prints 1 strake run --rm busybox sh -c 'cat /proc/1/stat | cut -d" " -f1'
le "only our own processes" "$(strake run --rm busybox sh -c 'ls -d /proc/[0-9]* | wc -l')" 4

it "files that strake supplies"
prints_like '^127.0.0.1.*localhost' strake run --rm busybox cat /etc/hosts
prints "$(grep ^nameserver /etc/resolv.conf)" strake run --rm busybox grep ^nameserver /etc/resolv.conf
ok strake run --rm busybox sh -c 'echo "1.2.3.4 x" >>/etc/hosts; echo y >/etc/hostname; echo "nameserver 1.1.1.1" >/etc/resolv.conf'
unlike "the host's are its own" "$(cat /etc/resolv.conf /etc/hosts)" '1\.2\.3\.4 x'

it "nothing is left mounted"
eq "in the host's namespace" "$(grep -F "$STRAKE_STORE" /proc/self/mounts)" ""
