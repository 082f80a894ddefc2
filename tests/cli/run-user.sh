#!/bin/bash
# -u, resolved in the container's passwd and group; what the identities can do; --userns.
. "$(dirname "$0")/../lib/harness.sh"
image=$REGISTRY/config:users
strake pull -q "$image" >/dev/null
ids() { strake run --rm "$@" "$image" sh -c 'echo "$(id -u):$(id -g):$(id -G):$HOME"'; }

it "root"
prints "0:0:0:/root" ids
prints "0:0:0:/root" ids -u root
prints "0:0:0:/root" ids -u 0
prints "0:0:0:/root" ids -u 0:0

it "names that are not there"
fails_with 125 'nobody-here' ids -u nobody-here
fails_with 125 'no-group' ids -u root:no-group
fails_with 125 '4294967295|range|user' ids -u 4294967295
fails_with 125 '-1|user' ids -u -1

if [ "$IDENTITY" = range ]; then
	it "with a range"
	prints "1000:1000:1000 1500 1501:/home/app" ids -u app
	prints "1000:1000:1000 1500 1501:/home/app" ids -u 1000
	prints "1000:100:100:/home/app" ids -u app:users
	prints "1000:1501:1501:/home/app" ids -u 1000:1501
	prints "1001:100:100 1500:/home/other" ids -u other
	prints "4242:0:0:/" ids -u 4242
	prints "2000:0:0:/" ids -u 2000
	it "files of others are not ours"
	exits 1 strake run --rm -u app "$image" sh -c 'echo x >/etc/passwd'
	ok strake run --rm -u app "$image" sh -c 'touch /tmp/mine && test -O /tmp/mine'
	ok strake run --rm "$image" sh -c 'touch /f && chown 1000:1500 /f && test "$(stat -c %u:%g /f)" = 1000:1500'
	check "65536 ids and more" test "$(strake run --rm "$image" awk '{ n += $3 } END { print n }' /proc/self/uid_map)" -ge 65536
else
	it "without a range"
	fails_with 125 'subuid|range|single|1000' ids -u app
	fails_with 125 'range|subuid' ids --userns=range
	prints 1 strake run --rm "$image" sh -c 'awk "{ n += \$3 } END { print n }" /proc/self/uid_map'
fi

it "--userns=single"
prints "0:0:0:/root" ids --userns=single
prints "0 $(id -u) 1" strake run --rm --userns=single "$image" sh -c 'echo $(cat /proc/self/uid_map)'
prints "0 $(id -g) 1" strake run --rm --userns=single "$image" sh -c 'echo $(cat /proc/self/gid_map)'
prints deny strake run --rm --userns=single "$image" cat /proc/self/setgroups
it "--userns=keep-id"
prints "$(id -u)" strake run --rm --userns=keep-id "$image" id -u
prints "$(id -g)" strake run --rm --userns=keep-id "$image" id -g
mkdir "$T/mnt"
ok strake run --rm --userns=keep-id -v "$T/mnt:/mnt" "$image" touch /mnt/kept
eq "files are mine outside" "$(stat -c %u "$T/mnt/kept")" "$(id -u)"
ok strake run --rm -v "$T/mnt:/mnt" "$image" touch /mnt/root
eq "and root's are mine as well" "$(stat -c %u "$T/mnt/root")" "$(id -u)"
it "--userns=auto is the default"
eq "the same map" "$(strake run --rm --userns=auto "$image" cat /proc/self/uid_map)" "$(strake run --rm "$image" cat /proc/self/uid_map)"
fails_with 125 'userns' strake run --rm --userns=other "$image" true
