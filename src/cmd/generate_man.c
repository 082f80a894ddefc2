#include "cmd/generate.h"

#include "base/mem.h"
#include "base/str.h"

FILE *generate_begin(char **text, size_t *len)
{
	FILE *out = open_memstream(text, len);

	if (!out)
		abort();
	return out;
}

char *generate_words(const struct option_spec *o, const char *sep)
{
	_cleanup_strv_ char **words = strv_split(o->words, '|');

	return strv_join(words, sep);
}

#define LINE 78 /* mandoc -T lint wants source lines below 80 */

/* Fills lines with the words; a line that began with a dot or a quote would be a macro. */
static void print_filled(FILE *out, const char *text)
{
	_cleanup_strv_ char **words = strv_split(text, ' ');
	size_t column = 0;

	for (size_t i = 0; words[i]; i++) {
		size_t len = strlen(words[i]);

		if (column > 0 && column + 1 + len > LINE) {
			fputc('\n', out);
			column = 0;
		}
		if (column > 0)
			column += (size_t)fprintf(out, " %s", words[i]);
		else
			column = (size_t)fprintf(out, "%s%s",
						 strchr(".'", words[i][0]) ? "\\&" : "", words[i]);
	}
	fputc('\n', out);
}

static void print_option(FILE *out, const struct option_spec *o)
{
	_cleanup_free_ char *list = o->words ? generate_words(o, ", ") : NULL;
	_cleanup_free_ char *text =
		list ? xasprintf("%s. One of %s.", o->help, list) : xasprintf("%s.", o->help);

	fputs(".It ", out);
	if (o->letter)
		fprintf(out, "Fl %c , ", o->letter);
	fprintf(out, "Fl -%s%s%s\n", o->name, o->value ? " Ar " : "", o->value ? o->value : "");
	/* one sentence a line */
	for (char *s = text, *end; s; s = end) {
		end = strstr(s, ". ");
		if (end) {
			end[1] = '\0';
			end += 2;
		}
		print_filled(out, s);
	}
}

char *generate_man_options(const struct option_spec *options)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out;

	if (!options[0].name)
		return xstrdup("");
	out = generate_begin(&text, &len);
	fputs(".Bl -tag -width Ds\n", out);
	for (const struct option_spec *o = options; o->name; o++)
		print_option(out, o);
	fputs(".El\n", out);
	fclose(out);
	return text;
}
