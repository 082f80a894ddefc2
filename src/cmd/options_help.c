#include "base/mem.h"
#include "base/str.h"
#include "cmd/options.h"

static char *left_column(const struct option_spec *o)
{
	char letter[] = {'-', o->letter, ',', ' ', '\0'};

	return xasprintf("  %s--%s%s%s", o->letter ? letter : "    ", o->name, o->value ? " " : "",
			 o->value ? o->value : "");
}

void options_print_help(const struct option_spec *options, FILE *out)
{
	size_t width = 0;

	for (const struct option_spec *o = options; o->name; o++) {
		_cleanup_free_ char *left = left_column(o);

		if (strlen(left) > width)
			width = strlen(left);
	}
	for (const struct option_spec *o = options; o->name; o++) {
		_cleanup_free_ char *left = left_column(o);

		fprintf(out, "%-*s   %s\n", (int)width, left, o->help);
	}
}
