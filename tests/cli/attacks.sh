#!/bin/bash
# Known ways out of a container are closed: overwriting the runtime through /proc/self/exe (CVE-2019-5736),
# leaked working directories (CVE-2024-21626), environment and files of the image that reach strake.
. "$(dirname "$0")/../lib/harness.sh"
import_busybox
prefix=$(dirname "$(dirname "$STRAKE")")
sums() { find "$prefix" -type f -exec sha256sum {} + | sort; }
before=$(sums)

it "ENTRYPOINT /proc/self/exe"
# a private copy that the user may write: root's installation is safe from him anyway
mkdir "$T/prefix"
cp -r "$prefix/." "$T/prefix"
mine=$T/prefix/bin/strake
mine_sums() { (cd "$T/prefix" && find . -type f -exec sha256sum {} + | sort); }
mine_before=$(mine_sums)
mkdir "$T/root"
tar -C "$T/root" -xf "$FIXTURES/busybox.tar" --exclude='./dev/*'
cat >"$T/evil.c" <<'END'
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
/* loaded into whatever runs: opens its own program for writing, now and after it ended */
__attribute__((constructor)) static void attack(void)
{
	static const char *const targets[] = { "/proc/self/exe", "/proc/1/exe", "/proc/2/exe" };
	for (unsigned i = 0; i < 3; i++) {
		int fd = open(targets[i], O_RDONLY);
		if (fd < 0)
			continue;
		char path[64];
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		int pid = fork();
		if (pid == 0) {
			for (int n = 0; n < 200; n++) {
				int w = open(path, O_WRONLY | O_TRUNC);
				if (w >= 0) {
					dprintf(w, "#!/bin/sh\necho pwned\n");
					fprintf(stderr, "wrote through %s\n", targets[i]);
					_exit(0);
				}
				usleep(5000);
			}
			_exit(1);
		}
	}
}
END
if command -v gcc >/dev/null; then
	gcc -shared -fPIC -o "$T/root/evil.so" "$T/evil.c"
	mkdir -p "$T/root/lib" "$T/root/lib64"
	for lib in $(ldd "$STRAKE" | grep -o '/[^ ]*'); do
		mkdir -p "$T/root/$(dirname "$lib")"
		cp "$lib" "$T/root/$lib"
	done
	tar -C "$T/root" -cf "$T/evil.tar" .
	for entry in '["/proc/self/exe"]' '["/proc/self/exe", "version"]' '["/proc/1/exe"]' '["/proc/self/fd/3"]'; do
		strake import -q --change "ENTRYPOINT $entry" --change 'ENV LD_PRELOAD=/evil.so' "$T/evil.tar" evil >/dev/null
		for options in "" --overlay=copy -it; do
			# shellcheck disable=SC2086
			try timeout 20 env STRAKE_STORE="$STRAKE_STORE" "$LIB/pty" "$mine" run --rm $options evil
			eq "entrypoint $entry $options: the binaries are unchanged" "$(mine_sums)" "$mine_before"
			unlike "entrypoint $entry $options: nothing was written" "$out$err" '^wrote through'
		done
	done
	sleep 1.2
	eq "nor later" "$(mine_sums)" "$mine_before"
else
	skip_one "no gcc for the LD_PRELOAD library"
fi

it "LD_PRELOAD of an image does not reach strake itself"
strake import -q --change 'ENV LD_PRELOAD=/no/such.so' --change 'ENV LD_LIBRARY_PATH=/evil' --change 'CMD ["/bin/true"]' \
	"$FIXTURES/busybox.tar" preload >/dev/null
ok strake run --rm preload
eq "no loader complains" "$err" ""

it "-w through a descriptor"
for n in 3 4 5 6 7 8 9 10 11 12; do
	try strake run --rm -w "/proc/self/fd/$n" busybox sh -c 'pwd; ls ../../../../etc/strake-canary ../../../../../../../../root'
	if [ "$rc" = 125 ] && grep -q '^strake: ' <<<"$err"; then pass "fd $n is refused"; else fail "fd $n is refused"; _show; fi
done
strake import -q --change 'WORKDIR /proc/self/fd/7' "$FIXTURES/busybox.tar" wd >/dev/null
fails_with 125 'fd/7|working dir' strake run --rm wd pwd
fails_with 125 'cwd|working dir' strake run --rm -w /proc/self/cwd busybox pwd
fails_with 125 'root|working dir' strake run --rm -w /proc/1/root/tmp busybox pwd
it "-w through a symlink of the image"
ln -s /proc/self/fd/7 "$T/root/wd"
tar -C "$T/root" --exclude=./evil.so -cf "$T/wd.tar" ./wd ./bin
strake import -q "$T/wd.tar" wdlink >/dev/null
fails_with 125 'wd|working dir' strake run --rm -w /wd wdlink pwd

it "mount points that are symlinks into /proc"
fails_with 125 'proc' strake run --rm -v "$T:/proc/self/fd" busybox true
fails_with 125 'proc' strake run --rm -v "$T:/proc" busybox true
rm -f "$T/root/etc/resolv.conf" "$T/root/etc/hosts"
echo precious >"$T/precious"
ln -sf "$T/precious" "$T/root/etc/resolv.conf"
ln -sf "../../../../../../..$T/precious" "$T/root/etc/hosts"
tar -C "$T/root" --exclude=./evil.so -cf "$T/etc.tar" ./etc ./bin
strake import -q "$T/etc.tar" etc >/dev/null
ok strake run --rm etc sh -c 'echo overwritten >/etc/hosts; echo overwritten >/etc/resolv.conf; true'
eq "/etc/hosts as a symlink does not lead out" "$(cat "$T/precious")" precious
for d in proc sys dev; do
	mkdir -p "$T/r-$d"
	cp -r "$T/root/bin" "$T/r-$d/bin"
	ln -s "$T" "$T/r-$d/$d"
	tar -C "$T/r-$d" -cf "$T/r-$d.tar" .
	strake import -q "$T/r-$d.tar" "link-$d" >/dev/null
	try strake run --rm "link-$d" true
	eq "/$d as a symlink does not lead out" "$(ls "$T"/null "$T"/self "$T"/kernel 2>/dev/null)" ""
	check "/$d as a symlink: works, or says why not" test "$rc" = 0 -o "$rc" = 125
done

it "the host's files"
exits 1 strake run --rm busybox sh -c "cat '$T/precious' 2>/dev/null"
exits 1 strake run --rm busybox sh -c "cat '/proc/1/root$T/precious' '/proc/1/cwd$T/precious' 2>/dev/null"
eq "no descriptor of PID 1 leads out" "$(strake run --rm busybox sh -c 'for f in /proc/1/fd/*; do readlink $f; done' 2>&1 </dev/null |
	grep -vE "^(pipe:|socket:|anon_inode:|/null|/dev/null|/proc/1/fd)" || true)" ""

eq "the installed program is unchanged" "$(sums)" "$before"
