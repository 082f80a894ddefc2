/* rename: everything over everything, with every flag. */
#include "posix.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef RENAME_WHITEOUT
#define RENAME_WHITEOUT (1 << 2)
#endif

static const enum kind sources[] = {FILE_NEW,	 FILE_LOW,   FILE_OVER,	  FILE_COPIED, FILE_AGAIN,
				    LINK_NEW,	 LINK_LOW,   FIFO_NEW,	  FIFO_LOW,    DIR_NEW,
				    DIR_LOW,	 DIR_MERGED, FULL_NEW,	  FULL_LOW,    FULL_TOP,
				    FULL_MERGED, FULL_UPPER, FULL_OPAQUE, FULL_AGAIN};
static const enum kind targets[] = {ABSENT_NEW,	 ABSENT_MIX, ABSENT_WHITED, ABSENT_WHITED_DIR,
				    ABSENT_GONE, FILE_NEW,   FILE_LOW,	    FILE_OVER,
				    LINK_LOW,	 FIFO_NEW,   DIR_NEW,	    DIR_LOW,
				    DIR_MERGED,	 DIR_UPPER,  DIR_OPAQUE,    DIR_AGAIN,
				    FULL_NEW,	 FULL_LOW,   FULL_MERGED};

static bool is_full(enum kind k)
{
	return k >= FULL_NEW && k <= FULL_LAST;
}

/* What rename has to answer, by the types alone. */
static int answer(enum kind from, enum kind to, unsigned flags)
{
	bool from_dir = S_ISDIR(kind_type(from)), to_dir = S_ISDIR(kind_type(to));
	bool absent = kind_type(to) == 0;

	if (flags == RENAME_NOREPLACE)
		return absent ? 0 : EEXIST;
	if (flags == RENAME_EXCHANGE)
		return absent ? ENOENT : 0;
	if (absent)
		return 0;
	if (from_dir && !to_dir)
		return ENOTDIR;
	if (!from_dir && to_dir)
		return EISDIR;
	return from_dir && is_full(to) ? ENOTEMPTY : 0;
}

/* The source is now at TO, with all that it has. */
static void moved(const char *to, const char *look, ino_t ino, const char *what)
{
	ck_str(sign(to), look, "what is at the new name, %s", what);
	ck_num(ino_of(to), ino, "inode number at the new name, %s", what);
}

/* The new place is a place like any other. */
static void use_moved(enum kind kind, const char *path, const char *what)
{
	if (!S_ISDIR(kind_type(kind)))
		return;
	ck_err(put_text(sf("%s/ghost", path), "new"), 0, "create in the moved one, %s", what);
	ck(holds(sf("%s/ghost", path), "new", 3), "content of it, %s", what);
	ck_err(TRY(unlink(sf("%s/ghost", path))), 0, "unlink in the moved one, %s", what);
	if (!is_full(kind))
		return;
	ck_str(names_in(path), "dir file", "names in the moved one, %s", what);
	ck_err(TRY(chmod(sf("%s/dir/leaf", path), 0600)), 0, "chmod in the moved one, %s", what);
	ck(holds(sf("%s/dir/leaf", path), content, SIZE), "content after chmod, %s", what);
	ck_err(TRY(unlink(sf("%s/file", path))), 0, "unlink of its file, %s", what);
	ck_str(names_in(path), "dir", "names in the moved one after unlink, %s", what);
}

static void cell(enum kind from_kind, enum kind to_kind, unsigned flags, const char *flag_name)
{
	const char *from = take(from_kind), *to = take(to_kind);
	const char *what = sf("%s to %s%s", kind_name(from_kind), kind_name(to_kind), flag_name);
	const char *from_look = sign(from), *to_look = sign(to);
	ino_t from_ino = ino_of(from), to_ino = ino_of(to);
	int want = answer(from_kind, to_kind, flags);

	if (!ck_err(TRY(renameat2(AT_FDCWD, from, AT_FDCWD, to, flags)), want, "%s", what))
		return;
	if (want != 0) {
		ck_str(sign(from), from_look, "the source after a refusal, %s", what);
		ck_str(sign(to), to_look, "the target after a refusal, %s", what);
		return;
	}
	moved(to, from_look, from_ino, what);
	if (flags == RENAME_EXCHANGE) {
		moved(from, to_look, to_ino, sf("%s, back", what));
		use_moved(to_kind, from, sf("%s, back", what));
	} else {
		ck(!exists(from), "the old name is gone, %s", what);
		ck_err(make_dir(from), 0, "a directory at the old name, %s", what);
		ck_str(names_in(from), "", "what is in it, %s", what);
	}
	use_moved(from_kind, to, what);
}

/* ---- the special cases ---- */

static void flags_that_do_not_go(void)
{
	static const unsigned bad[] = {RENAME_NOREPLACE | RENAME_EXCHANGE, 0x80,
				       RENAME_WHITEOUT | RENAME_EXCHANGE};

	for (size_t i = 0; i < COUNT(bad); i++) {
		const char *from = take(FILE_LOW), *to = take(FILE_LOW);

		ck_err(TRY(renameat2(AT_FDCWD, from, AT_FDCWD, to, bad[i])), EINVAL, "flags %#x",
		       bad[i]);
		ck(holds(from, content, SIZE) && holds(to, content, SIZE), "both are there");
	}
	for (size_t i = 0; i < COUNT(sources); i++) {
		const char *from = take(sources[i]), *to = beside(sources[i]);
		const char *look = sign(from);
		int rc = TRY(renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_WHITEOUT));

		if (S_ISDIR(kind_type(sources[i])) && rc == EXDEV)
			rc = EINVAL; /* it is the same to a caller who asks for this */
		if (ck_err2(rc, EINVAL, 0, "RENAME_WHITEOUT of %s", kind_name(sources[i])))
			ck_str(sign(rc ? from : to), look, "%s after RENAME_WHITEOUT",
			       kind_name(sources[i]));
	}
}

static void to_itself(enum kind kind)
{
	const char *path = take(kind), *name = kind_name(kind);
	const char *look = sign(path);
	ino_t ino = ino_of(path);

	ck_err(TRY(rename(path, path)), 0, "%s to itself", name);
	ck_err(TRY(renameat2(AT_FDCWD, path, AT_FDCWD, path, RENAME_NOREPLACE)), EEXIST,
	       "%s to itself with RENAME_NOREPLACE", name);
	ck_err(TRY(renameat2(AT_FDCWD, path, AT_FDCWD, path, RENAME_EXCHANGE)), 0,
	       "%s to itself with RENAME_EXCHANGE", name);
	moved(path, look, ino, sf("%s to itself", name));
}

/* Two names of one file: rename does nothing. */
static void to_its_link(enum kind kind)
{
	const char *a = take(kind), *b = beside(kind), *name = kind_name(kind);

	ck_err(TRY(link(a, b)), 0, "link of %s", name);
	ck_err(TRY(rename(a, b)), 0, "%s to its other name", name);
	ck(exists(a) && exists(b), "both names of %s are there", name);
	ck_num(ino_of(a), ino_of(b), "inode number of both names of %s", name);
	ck_err(TRY(renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE)), 0,
	       "exchange of %s and its other name", name);
	ck_num(nlink_of(a), kind == FILE_HARD ? 3 : 2, "links of %s", name);
}

static void into_itself(enum kind kind)
{
	const char *path = take(kind), *name = kind_name(kind);
	const char *look = sign(path);

	ck_err(TRY(rename(path, sf("%s/below", path))), EINVAL, "%s into itself", name);
	ck_err(TRY(rename(path, sf("%s/dir/below", path))), EINVAL, "%s below itself", name);
	ck_err(TRY(renameat2(AT_FDCWD, path, AT_FDCWD, sf("%s/dir", path), RENAME_EXCHANGE)),
	       EINVAL, "exchange of %s with what is in it", name);
	ck_err(TRY(rename(sf("%s/dir", path), path)), ENOTEMPTY, "%s/dir over %s", name, name);
	ck_err(TRY(renameat2(AT_FDCWD, sf("%s/dir", path), AT_FDCWD, path, RENAME_EXCHANGE)),
	       EINVAL, "exchange of %s/dir with %s", name, name);
	ck_str(sign(path), look, "%s after all that", name);
}

/* The file that loses its name lives on for those who have it open. */
static void over_open(enum kind kind)
{
	const char *path = take(kind), *name = kind_name(kind), *from = take(FILE_LOW);
	int fd = open(path, O_RDWR | O_CLOEXEC), from_fd = open(from, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (kind == FILE_HARD)
		unlink(sf("%s~", path));
	ck_err(put_text(from, "mover"), 0, "write of what goes over %s", name);
	ck_err(TRY(rename(from, path)), 0, "rename over the open %s", name);
	ck(holds(path, "mover", 5), "content of what went over %s", name);
	ck(holds_fd(from_fd, "mover", 5), "its content by the descriptor opened before");
	ck(holds_fd(fd, content, SIZE), "content of the open %s that lost its name", name);
	ck_err(TRY(fstat(fd, &st)), 0, "fstat of the open %s", name);
	ck_num(st.st_nlink, 0, "links of the open %s", name);
	ck_num(pwrite(fd, "x", 1, 0), 1, "write to the open %s", name);
	ck(holds(path, "mover", 5), "which does not show under its name");
	close(fd);
	close(from_fd);
}

static void while_open(enum kind kind)
{
	const char *path = take(kind), *to = beside(ABSENT_MIX), *name = kind_name(kind);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct stat st;

	ck_err(TRY(rename(path, to)), 0, "rename of the open %s", name);
	ck_num(pwrite(fd, "after", 5, SIZE), 5, "write to the renamed %s", name);
	ck_err(TRY(fstat(fd, &st)), 0, "fstat of the renamed %s", name);
	ck_num(st.st_ino, ino_of(to), "inode number of the renamed %s", name);
	ck_num(size_of(to), SIZE + 5, "size of the renamed %s", name);
	ck_err(TRY(fchmod(fd, 0604)), 0, "fchmod of the renamed %s", name);
	ck_mode(perm_of(to), 0604, "mode of the renamed %s", name);
	ck_err(TRY(rename(to, path)), 0, "rename of %s back", name);
	ck_mode(perm_of(path), 0604, "mode of %s that came back", name);
	close(fd);
}

static void run(void)
{
	static const struct {
		const char *name;
		unsigned flags;
	} flags[] = {{"", 0}, {", NOREPLACE", RENAME_NOREPLACE}, {", EXCHANGE", RENAME_EXCHANGE}};

	for (size_t f = 0; f < COUNT(flags); f++)
		for (size_t i = 0; i < COUNT(sources); i++)
			for (size_t j = 0; j < COUNT(targets); j++)
				cell(sources[i], targets[j], flags[f].flags, flags[f].name);
	flags_that_do_not_go();
	for (enum kind k = 0; k < ABSENT_NEW; k++)
		to_itself(k);
	for (enum kind k = 0; k <= FILE_LAST; k++) {
		to_its_link(k);
		over_open(k);
		while_open(k);
	}
	for (enum kind k = FULL_NEW; k <= FULL_LAST; k++)
		into_itself(k);
}

const struct posix_group rename_group = {
	.name = "rename",
	.about = "everything renamed over everything, with every flag",
	.run = run,
};
