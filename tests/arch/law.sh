#!/bin/sh
# law.sh TREE [PROGRAM]: the dependency and size law of ARCHITECTURE.md, read from the #include lines of
# TREE/src, the length of its files and functions, and the libraries PROGRAM (strake) is linked to. Prints
# each breach and exits 1 when there is one. Files of more than 500 lines are noted on stderr.
set -u
export LC_ALL=C

tree=${1:?usage: law.sh TREE [PROGRAM]}
program=${2:-}
cd "$tree" || exit 2

sources=$(find src fuse -name '*.[ch]' 2>/dev/null | sort)
[ -n "$sources" ] || { echo "law: no sources below $tree/src"; exit 1; }

# shellcheck disable=SC2086 # a list of file names of our own, without blanks
includes=$(awk '
	BEGIN {
		split("base 0 oci 1 containerfile 1 format 1 codec 1 index 2 store 2 layer 2 registry 2 ns 2 " \
		      "image 3 container 4 build 5 server 5 entry 1 fuse 3", pairs, " ")
		for (i = 1; i in pairs; i += 2)
			level[pairs[i]] = pairs[i + 1]
		# libraries that one room keeps to itself
		owner["archive.h"] = owner["archive_entry.h"] = "layer"
		owner["curl/curl.h"] = "registry"
		owner["microhttpd.h"] = "server"
		# what the file system server may see: nothing in it may abort
		split("base format index fuse", seen, " ")
		for (i in seen)
			fuse_sees[seen[i]] = 1
		# rooms that must not know a library
		split("codec format", plain, " ")
		for (i in plain)
			forbidden[plain[i], "jansson.h"] = forbidden[plain[i], "base/json.h"] = 1
		forbidden["fuse", "jansson.h"] = forbidden["fuse", "base/json.h"] = 1
	}
	FNR == 1 {
		n = split(FILENAME, part, "/")
		room = part[1] == "fuse" ? "fuse" : n > 2 ? part[2] : "main"
		# the overlay proper knows nothing of the protocol
		protocol = part[2] ~ /^(wire|loop|patience|main|ops(_[a-z]+)?)\.[ch]$/
		free = room == "main" || room == "cmd"
		if (!free && !(room in level))
			printf "%s: room %s has no level\n", FILENAME, room
	}
	room == "fuse" && /(^|[^a-z_])x(malloc|calloc|realloc|reallocarray|memdup|strdup|strndup|asprintf)\(/ {
		printf "%s:%d: fuse checks every allocation\n", FILENAME, FNR
	}
	/^[ \t]*#[ \t]*include/ {
		header = $0
		sub(/^[^"<]*["<]/, "", header)
		sub(/[">].*$/, "", header)
		if (header in owner && room != owner[header])
			printf "%s:%d: %s belongs to %s\n", FILENAME, FNR, header, owner[header]
		if (room == "fuse" && !protocol && (header == "linux/fuse.h" || header ~ /^fuse\/(wire|ops|loop|patience)\.h$/))
			printf "%s:%d: the overlay must not know %s\n", FILENAME, FNR, header
		if ((room, header) in forbidden)
			printf "%s:%d: %s must not include %s\n", FILENAME, FNR, room, header
		if ($0 !~ /"/ || header == "config.h")
			next
		if (split(header, where, "/") < 2) {
			printf "%s:%d: \"%s\" does not name its room\n", FILENAME, FNR, header
			next
		}
		if (header ~ /\.\./) {
			printf "%s:%d: %s goes around the rooms\n", FILENAME, FNR, header
			next
		}
		other = where[1]
		# NAME_impl.h is between the files of one room
		if (other != room && header ~ /_impl\.h$/)
			printf "%s:%d: %s is private to %s\n", FILENAME, FNR, header, other
		if (free || other == room)
			next
		if (!(other in level) || level[other] >= level[room] || (room == "fuse" && !(other in fuse_sees)))
			printf "%s:%d: %s (level %d) includes %s\n", FILENAME, FNR, room, level[room], header
	}
' $sources)

# A function body is what lies between "{" and "}" at the beginning of a line.
# shellcheck disable=SC2086
sizes=$(awk '
	function close_file() {
		limit = file ~ /\.h$/ ? 150 : file ~ /^src\/cmd\// ? 250 : 800
		if (file && lines > limit)
			printf "%s: %d lines, more than %d\n", file, lines, limit
		else if (file && lines > 500)
			printf "law: note: %s has %d lines, 500 are plenty\n", file, lines >"/dev/stderr"
	}
	FNR == 1 { close_file(); file = FILENAME }
	{ lines = FNR }
	/^\{/ { start = FNR }
	/^\}/ && start {
		if (FNR - start - 1 > 120)
			printf "%s:%d: a function of %d lines, more than 120\n", file, start, FNR - start - 1
		start = 0
	}
	END { close_file() }
' $sources)

libraries=
if [ -n "$program" ]; then
	needed=$(readelf -d "$program" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
	[ -n "$needed" ] || libraries="$program: its libraries cannot be read"
	for lib in $needed; do
		case $lib in
		libc.so.* | libjansson.so.* | libcap.so.* | libseccomp.so.* | ld-linux*) ;;
		*) libraries="$libraries$program: linked to $lib
" ;;
		esac
	done
fi

breaches=$(printf '%s\n%s\n%s\n' "$includes" "$sizes" "$libraries" | sed '/^$/d')
[ -z "$breaches" ] && exit 0
printf '%s\n' "$breaches"
exit 1
