#!/bin/bash
# podman with strake-overlayfs as its mount_program: an image is built on Debian, with packages installed and removed by
# dpkg, directories renamed, owners and modes changed; a container runs on it and changes more. What both leave is what
# podman's kernel driver leaves from the same, but for hard links, which that one breaks. Without a
# network, in a store of its own.
# timeout: 240
. "$(dirname "$0")/../lib/harness.sh"
. "$(dirname "$0")/../lib/overlay.sh"
if ! { : <>/dev/fuse; } 2>/dev/null; then skip "/dev/fuse cannot be opened here"; fi
for program in podman dpkg-deb; do
	command -v $program >/dev/null || skip "$program is not installed"
done
[ "$IDENTITY" = range ] || skip "podman wants subordinate ids, which this user does not have"
[ ! -e "$FIXTURES/why-no-debian" ] || skip "$(cat "$FIXTURES/why-no-debian")"

# podman wants short paths for what it has while it runs
run=$(mktemp -d /tmp/sp.XXXXXX)
podman=$(command -v podman)
finally rm -rf "$run"
export XDG_RUNTIME_DIR=$run CONTAINERS_CONF=$T/containers.conf REGISTRY_AUTH_FILE=$T/auth.json
cat >"$CONTAINERS_CONF" <<-END
	[engine]
	cgroup_manager = "cgroupfs"
	events_logger = "file"
	runtime = "runc"
	[containers]
	netns = "none"
	log_driver = "k8s-file"
END
echo "{}" >"$REGISTRY_AUTH_FILE"
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$T/policy.json"

# with DRIVER CMD...: CMD, which calls podman, with the store of kernel or ours
with() {
	local driver=$1 option=
	shift
	[ "$driver" != ours ] || option="--storage-opt overlay.mount_program=$OVERLAYFS"
	mkdir -p "$T/$driver"
	cat >"$T/$driver/podman" <<-END
		#!/bin/sh
		exec $podman --root "$T/$driver/root" --runroot "$run/$driver" --tmpdir "$run/$driver.tmp" \
			--storage-driver overlay $option "\$@"
	END
	chmod 755 "$T/$driver/podman"
	PATH=$T/$driver:$PATH "$@"
}
# the process that holds podman's user namespace, and what belongs to subordinate ids
clean_up() {
	local driver pause
	for driver in kernel ours; do
		[ ! -e "$T/$driver" ] || with $driver podman rm -af >/dev/null 2>&1
	done
	find "$run" -name pause.pid | while read -r pause; do kill "$(cat "$pause")"; done
	unshare --map-auto --map-root-user rm -rf "$T/kernel" "$T/ours"
}
finally clean_up

# ten packages with files of all kinds, made here
packages() {
	local i root
	mkdir -p "$T/context/debs"
	for i in {1..10}; do
		root=$T/pkg/$i
		mkdir -p "$root/DEBIAN" "$root/usr/share/pkg$i/sub" "$root/usr/share/doc/pkg$i" "$root/etc" "$root/usr/bin"
		printf 'Package: pkg%d\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@localhost>\nDescription: a package\n' \
			"$i" >"$root/DEBIAN/control"
		printf '/etc/pkg%d.conf\n' "$i" >"$root/DEBIAN/conffiles"
		printf '#!/bin/sh\necho %d >>/var/lib/installed\n' "$i" >"$root/DEBIAN/postinst"
		chmod 755 "$root/DEBIAN/postinst"
		seq $((i * 100)) | tee "$root/etc/pkg$i.conf" "$root/usr/share/doc/pkg$i/copyright" "$root/usr/bin/pkg$i" >/dev/null
		for n in {1..30}; do echo "$i $n" >"$root/usr/share/pkg$i/sub/file$n"; done
		ln -s "../pkg$i/sub" "$root/usr/share/pkg$i/link"
		ln "$root/usr/share/pkg$i/sub/file1" "$root/usr/share/pkg$i/hard"
		chmod 4755 "$root/usr/bin/pkg$i"
		dpkg-deb --root-owner-group -Zxz -b "$root" "$T/context/debs/pkg$i.deb" >/dev/null
	done
}
write_containerfile() {
	cat >"$T/context/Containerfile" <<-'END'
		FROM localhost/debian
		COPY debs /debs
		RUN dpkg -i /debs/*.deb && dpkg -r pkg3 pkg5 && dpkg -P pkg3 pkg7 && rm -r /debs
		RUN rm -r /usr/share/doc && mkdir /usr/share/doc && mv /usr/share/pkg1 /usr/share/moved && \
			mv /usr/share/perl5 /usr/share/perl6 && mv /usr/share/perl6 /usr/share/perl5 && \
			chown -R 1000:1001 /usr/share/pkg2 /usr/lib/dpkg && chmod -R go-r /usr/share/common-licenses
		RUN ln /usr/share/pkg4/hard /usr/share/pkg4/harder && echo more >>/usr/share/pkg4/hard && useradd -m someone && \
			touch /home/someone/file && chown -h someone /home/someone/file && mkfifo /run/fifo && chmod 2775 /srv && \
			rm -f /var/log/dpkg.log /var/log/alternatives.log /var/cache/ldconfig/aux-cache /etc/passwd- /etc/shadow- \
				/etc/group- /etc/gshadow- /etc/subuid- /etc/subgid- && rm -rf /var/lib/dpkg/triggers
	END
}
change='set -e
	mv /usr/share/pkg6 /usr/share/pkg6.moved; rm -r /usr/share/moved; mkdir /usr/share/moved; echo in >/usr/share/moved/in
	mv /etc/pkg8.conf /etc/pkg9.conf; dpkg -r pkg10; chmod 600 /etc/pkg8.conf 2>/dev/null || true
	cp -a /usr/share/common-licenses /copied; find /usr/share/zoneinfo -type f -delete 2>/dev/null || true
	rm -f /var/log/dpkg.log /var/cache/ldconfig/aux-cache; echo "$(cat /usr/share/moved/in) $(stat -c %a /usr/bin/pkg1)"'

# as podman mounts it; /etc/hosts and the like are the container's own
tree_of() {
	local kind=$1 name=$2 dir
	dir=$(podman "$kind" mount "$name")
	"$LIB/manifest" --but mtime --hide '^(user|trusted)\.overlay\.' "$dir" |
		grep -vE '^\./(etc/(hosts|hostname|resolv.conf|mtab)|run/.containerenv|run/secrets|dev|proc|sys)[ /]'
	podman "$kind" unmount "$name" >/dev/null
}

# all DRIVER: build, run, and what came of it in DRIVER.image and DRIVER.container
all() {
	local driver=$1
	ok with "$driver" podman import -q "$FIXTURES/debian.tar" localhost/debian
	ok with "$driver" podman build -q --signature-policy "$T/policy.json" --pull=never --isolation=chroot -t built "$T/context"
	prints_like "^in 4755$" with "$driver" podman run --name changed --network=none built sh -c "$change"
	exits 42 with "$driver" podman run --rm --network=none built sh -c 'exit 42'
	with "$driver" podman unshare bash -c "$(declare -f tree_of); LIB=$LIB; tree_of image built" >"$T/$driver.image"
	with "$driver" podman unshare bash -c "$(declare -f tree_of); LIB=$LIB; tree_of container changed" >"$T/$driver.container"
}

it "podman"
with kernel podman info >"$T/info" 2>&1 || skip "podman does not run here: $(tail -n 1 "$T/info")"
packages
write_containerfile
it "the kernel's driver"
runs() { with kernel podman import -q "$FIXTURES/debian.tar" probe && with kernel podman run --rm --network=none probe true; }
runs >/dev/null 2>"$T/why" || skip "podman does not run containers here: $(tail -n 1 "$T/why")"
all kernel
it "strake-overlayfs"
all ours
like "it was mounted by it" "$(with ours podman info --format '{{.Store.GraphOptions}}')" strake-overlayfs
le "there is something to compare" 3000 "$(wc -l <"$T/ours.image")"
# The kernel's driver breaks hard links when it copies a file up; these are kept.
links='/(hard|harder|sub/file1) '
same() { eq "the $1 is the same" "$(diff <(grep -vE "$links" "$T/kernel.$1") <(grep -vE "$links" "$T/ours.$1"))" ""; }
same image
same container
for name in hard harder sub/file1; do
	like "a hard link is one file still" "$(grep -F "./usr/share/pkg4/$name " "$T/ours.image")" ' links=3 of=./usr/share/pkg4/hard size=9 '
done
like "and one with another owner" "$(grep -F ./usr/share/pkg2/hard "$T/ours.image")" ' 1000:1001 links=2 '
