#include <errno.h>

#include "base/mem.h"
#include "base/str.h"
#include "cmd/options.h"

struct parser {
	const struct option_spec *options;
	void *flags;
	char **argv;
	size_t next; /* in argv */
	bool help;
};

bool option_takes_value(const struct option_spec *o)
{
	return o->kind == OPTION_STRING || o->kind == OPTION_LIST || o->kind == OPTION_CALL;
}

int option_bool(const char *text, bool *ret)
{
	static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
	static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (str_eq(text, yes[i]) || str_eq(text, no[i])) {
			*ret = str_eq(text, yes[i]);
			return 0;
		}
	}
	return -EINVAL;
}

static const struct option_spec *find_name(const struct option_spec *options, const char *name,
					   size_t len)
{
	for (const struct option_spec *o = options; o->name; o++)
		if (strlen(o->name) == len && memcmp(o->name, name, len) == 0)
			return o;
	return NULL;
}

static const struct option_spec *find_letter(const struct option_spec *options, char letter)
{
	for (const struct option_spec *o = options; letter && o->name; o++)
		if (o->letter == letter)
			return o;
	return NULL;
}

static bool word_allowed(const char *words, const char *text)
{
	size_t len = strlen(text);

	for (const char *w = words; len > 0; w++) {
		size_t n = strcspn(w, "|");

		if (n == len && memcmp(w, text, len) == 0)
			return true;
		w += n;
		if (*w == '\0')
			break;
	}
	return false;
}

static int set_switch(const struct option_spec *o, void *field, const char *text, struct err *err)
{
	bool on = true;

	if (text && option_bool(text, &on) < 0)
		return err_set(err, EINVAL,
			       "invalid value '%s' of option '--%s': it is true or false", text,
			       o->name);
	if (o->kind == OPTION_COUNT)
		*(int *)field = on ? *(int *)field + 1 : 0;
	else
		*(bool *)field = o->kind == OPTION_NOT ? !on : on;
	return 0;
}

/* text: the value, never NULL for an option that takes one. */
static int set_option(struct parser *p, const struct option_spec *o, const char *text,
		      struct err *err)
{
	void *field = (char *)p->flags + o->offset;

	if (!option_takes_value(o))
		return set_switch(o, field, text, err);
	if (o->words && !word_allowed(o->words, text))
		return err_set(err, EINVAL, "invalid value '%s' of option '--%s': it is one of %s",
			       text, o->name, o->words);
	if (o->kind == OPTION_STRING)
		*(const char **)field = text;
	else if (o->kind == OPTION_LIST)
		strv_add((char ***)field, text);
	else if (o->set(p->flags, text, err) < 0)
		return err_prefix(err, "option '--%s'", o->name);
	return 0;
}

/* The value of an option without one of its own: the next element. */
static int take_value(struct parser *p, const char *shown, const char **ret, struct err *err)
{
	if (!p->argv[p->next])
		return err_set(err, EINVAL, "option '%s' needs a value", shown);
	*ret = p->argv[p->next++];
	return 0;
}

/* word: behind the two dashes. */
static int parse_long(struct parser *p, const char *word, struct err *err)
{
	size_t len = strcspn(word, "=");
	const char *text = word[len] == '=' ? word + len + 1 : NULL;
	const struct option_spec *o = find_name(p->options, word, len);

	if (!o && !text && str_eq(word, "help")) {
		p->help = true;
		return 0;
	}
	if (!o)
		return err_set(err, EINVAL, "unknown option '--%.*s'", (int)len, word);
	if (!text && option_takes_value(o)) {
		_cleanup_free_ char *shown = xasprintf("--%s", o->name);
		int r = take_value(p, shown, &text, err);

		if (r < 0)
			return r;
	}
	return set_option(p, o, text, err);
}

/* letters: behind the dash. */
static int parse_letters(struct parser *p, const char *letters, struct err *err)
{
	for (const char *s = letters; *s && !p->help; s++) {
		const struct option_spec *o = find_letter(p->options, *s);
		const char *text = s[1] == '=' ? s + 2 : NULL;
		int r;

		if (!o && *s == 'h') {
			p->help = true;
			return 0;
		}
		if (!o)
			return err_set(err, EINVAL, "unknown option '-%c' in '-%s'", *s, letters);
		if (!text && option_takes_value(o)) {
			char shown[] = {'-', *s, '\0'};

			text = s + 1;
			if (*text == '\0' && (r = take_value(p, shown, &text, err)) < 0)
				return r;
		}
		r = set_option(p, o, text, err);
		if (r < 0 || text)
			return r;
	}
	return 0;
}

int options_parse(const struct option_spec *options, void *flags, bool stop, char **argv,
		  size_t *ret_n, struct err *err)
{
	struct parser p = {.options = options, .flags = flags, .argv = argv};
	bool ended = false;
	size_t n = 0;

	while (argv[p.next] && !p.help) {
		char *word = argv[p.next++];
		int r = 0;

		if (ended || word[0] != '-' || word[1] == '\0') {
			argv[n++] = word;
			ended = ended || stop;
		} else if (str_eq(word, "--")) {
			ended = true;
		} else if (word[1] == '-') {
			r = parse_long(&p, word + 2, err);
		} else {
			r = parse_letters(&p, word + 1, err);
		}
		if (r < 0)
			return r;
	}
	argv[n] = NULL;
	*ret_n = n;
	return p.help ? OPTIONS_HELP : 0;
}

void options_release(const struct option_spec *options, void *flags)
{
	for (const struct option_spec *o = options; o->name; o++)
		if (o->kind == OPTION_LIST)
			strv_freep((char ***)(void *)((char *)flags + o->offset));
}
