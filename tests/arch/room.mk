# The dependency and size law: who includes whom, how long things are, what strake links to.
dist_check_SCRIPTS += tests/arch/check.sh tests/arch/law.sh
TESTS += tests/arch/check.sh
AM_TESTS_ENVIRONMENT += \
	STRAKE_PROGRAM='$(abs_top_builddir)/strake$(EXEEXT)' \
	STRAKE_IMAGE_PROGRAM='$(abs_top_builddir)/strake-image$(EXEEXT)' \
	STRAKE_SANITIZED='$(SANITIZED)'; \
	export STRAKE_PROGRAM STRAKE_IMAGE_PROGRAM STRAKE_SANITIZED;
