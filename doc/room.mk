# documentation: the man pages, and the completions that are made from the same tables
dist_man_MANS += \
	doc/man/strake-doctor.1 \
	doc/man/strake-gc.1 \
	doc/man/strake-help.1 \
	doc/man/strake-images.1 \
	doc/man/strake-import.1 \
	doc/man/strake-inspect.1 \
	doc/man/strake-login.1 \
	doc/man/strake-logout.1 \
	doc/man/strake-mount.1 \
	doc/man/strake-overlayfs.1 \
	doc/man/strake-ps.1 \
	doc/man/strake-pull.1 \
	doc/man/strake-push.1 \
	doc/man/strake-reset.1 \
	doc/man/strake-rm.1 \
	doc/man/strake-rmi.1 \
	doc/man/strake-run.1 \
	doc/man/strake-tag.1 \
	doc/man/strake-umount.1 \
	doc/man/strake-unpack.1 \
	doc/man/strake-unshare.1 \
	doc/man/strake-version.1 \
	doc/man/strake.1

bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = contrib/completions/strake.bash
zshcompletiondir = $(datadir)/zsh/site-functions
dist_zshcompletion_DATA = contrib/completions/_strake
fishcompletiondir = $(datadir)/fish/vendor_completions.d
dist_fishcompletion_DATA = contrib/completions/strake.fish
