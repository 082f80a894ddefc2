/* Theory of operation
 *
 * One instruction changes one image config, with the rules BuildKit has for the same line of a
 * Containerfile. Each instruction is parsed and checked as a whole before the document is touched:
 * one that fails leaves it as it was. All variables of an instruction take their values from the
 * environment before it.
 */
#include "oci/image_config.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "oci/config_word.h"

#define PORT_MAX 65535

/* What an instruction works on. */
struct change {
	json_t *config;	     /* the document's "config" */
	const json_t *env;   /* config's "Env", or NULL */
	const char *keyword; /* upper case */
	const char *rest;    /* without blanks around it */
	struct err *err;
};

typedef int (*change_fn)(struct change *c);

/* rest as a JSON array of strings. Returns 1, 0 when it is no JSON array (shell text then), -EINVAL
 * when it is one with other things inside. */
static int json_form(const struct change *c, json_t **ret)
{
	const json_t *item;
	json_t *array;
	size_t i;

	*ret = NULL;
	if (*c->rest != '[')
		return 0;
	array = json_loads(c->rest, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_array(array)) {
		json_decref(array);
		return 0;
	}
	json_array_foreach (array, i, item)
		if (!json_is_string(item)) {
			json_decref(array);
			return err_set(c->err, EINVAL, "the JSON form takes only strings");
		}
	*ret = array;
	return 1;
}

/* config[key], made when it is missing or null. */
static json_t *member(json_t *config, const char *key, json_t *empty)
{
	json_t *v = json_object_get(config, key);

	if (v && json_typeof(v) == json_typeof(empty)) {
		json_decref(empty);
		return v;
	}
	json_object_set_new(config, key, empty);
	return empty;
}

static int shell_form(const struct change *c, json_t **ret)
{
	json_t *shell = json_object_get(c->config, "Shell"), *argv;
	const json_t *item;
	size_t i;

	json_array_foreach (shell, i, item)
		if (!json_is_string(item))
			return err_set(c->err, EINVAL,
				       "the config's Shell is not a list of strings");
	argv = json_array();
	if (json_array_size(shell) > 0) {
		json_array_extend(argv, shell);
	} else {
		json_array_append_new(argv, json_string("/bin/sh"));
		json_array_append_new(argv, json_string("-c"));
	}
	json_array_append_new(argv, json_string(c->rest));
	*ret = argv;
	return 0;
}

/* CMD and ENTRYPOINT. */
static int change_argv(struct change *c)
{
	const char *key = str_eq(c->keyword, "CMD") ? "Cmd" : "Entrypoint";
	json_t *argv;
	int r = json_form(c, &argv);

	if (r == 0)
		r = shell_form(c, &argv);
	if (r < 0)
		return r;
	if (json_array_size(argv) == 0) {
		json_decref(argv);
		json_object_del(c->config, key);
		return 0;
	}
	json_object_set_new(c->config, key, argv);
	return 0;
}

static int expand_rest(const struct change *c, const char *s, size_t len, char **ret)
{
	return word_expand(s, len, c->env, ret, c->err);
}

/* The words NAME=VALUE of ENV and LABEL, or the old form "NAME the rest": names and values
 * alternate. */
static int parse_pairs(struct change *c, char ***ret)
{
	_cleanup_strv_ char **pairs = NULL;
	const char *s = c->rest, *end = word_end(s);

	if (!memchr(s, '=', (size_t)(end - s))) {
		const char *value = word_skip_blanks(end);
		char *name, *expanded;
		int r;

		if (*value == '\0')
			return err_set(c->err, EINVAL, "expected NAME=VALUE");
		r = expand_rest(c, s, (size_t)(end - s), &name);
		if (r < 0)
			return r;
		strv_take(&pairs, name);
		r = expand_rest(c, value, strlen(value), &expanded);
		if (r < 0)
			return r;
		strv_take(&pairs, expanded);
	} else
		for (; *s; s = word_skip_blanks(end)) {
			const char *eq;
			char *name, *value;
			int r;

			end = word_end(s);
			eq = memchr(s, '=', (size_t)(end - s));
			if (!eq)
				return err_set(c->err, EINVAL, "'%.*s' has no '='",
					       (int)(end - s < 100 ? end - s : 100), s);
			r = expand_rest(c, s, (size_t)(eq - s), &name);
			if (r < 0)
				return r;
			strv_take(&pairs, name);
			r = expand_rest(c, eq + 1, (size_t)(end - eq - 1), &value);
			if (r < 0)
				return r;
			strv_take(&pairs, value);
		}
	for (size_t i = 0; pairs[i]; i += 2)
		if (*pairs[i] == '\0')
			return err_set(c->err, EINVAL, "a name is empty");
	*ret = steal_ptr(&pairs);
	return 0;
}

static void env_set(json_t *env, const char *name, const char *value)
{
	_cleanup_free_ char *text = xasprintf("%s=%s", name, value);
	size_t n = strlen(name), i;
	const json_t *entry;

	json_array_foreach (env, i, entry) {
		const char *s = json_string_value(entry);

		if (s && strncmp(s, name, n) == 0 && s[n] == '=') {
			json_array_set_new(env, i, json_string(text));
			return;
		}
	}
	json_array_append_new(env, json_string(text));
}

static int change_env(struct change *c)
{
	_cleanup_strv_ char **pairs = NULL;
	json_t *env;
	int r = parse_pairs(c, &pairs);

	if (r < 0)
		return r;
	for (size_t i = 0; pairs[i]; i += 2)
		if (strchr(pairs[i], '='))
			return err_set(c->err, EINVAL, "the name '%.100s' holds a '='", pairs[i]);
	env = member(c->config, "Env", json_array());
	for (size_t i = 0; pairs[i]; i += 2)
		env_set(env, pairs[i], pairs[i + 1]);
	return 0;
}

static int change_label(struct change *c)
{
	_cleanup_strv_ char **pairs = NULL;
	json_t *labels;
	int r = parse_pairs(c, &pairs);

	if (r < 0)
		return r;
	labels = member(c->config, "Labels", json_object());
	for (size_t i = 0; pairs[i]; i += 2)
		json_object_set_new(labels, pairs[i], json_string(pairs[i + 1]));
	return 0;
}

/* rest as blank separated words, each expanded. */
static int parse_words(struct change *c, char ***ret)
{
	_cleanup_strv_ char **words = NULL;

	for (const char *s = c->rest; *s;) {
		size_t n = strcspn(s, " \t\r\n\v\f");
		char *word;
		int r = expand_rest(c, s, n, &word);

		if (r < 0)
			return r;
		strv_take(&words, word);
		s = word_skip_blanks(s + n);
	}
	*ret = steal_ptr(&words);
	return 0;
}

/* The protocol's name in lower case, or NULL. */
static const char *protocol(const char *text)
{
	static const char *const names[] = {"tcp", "udp", "sctp"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcasecmp(text, names[i]) == 0)
			return names[i];
	return NULL;
}

/* "80", "80/udp", "8000-8010/tcp" into ports as "N/PROTO" keys. */
static int add_ports(struct change *c, const char *word, json_t *ports)
{
	_cleanup_free_ char *range = xstrdup(word);
	char *slash = strchr(range, '/'), *dash;
	const char *proto = slash ? protocol(slash + 1) : "tcp";
	uint64_t first = 0, last = 0;
	bool ok;

	if (slash)
		*slash = '\0';
	dash = strchr(range, '-');
	if (dash)
		*dash = '\0';
	ok = str_to_u64(range, PORT_MAX, &first) == 0;
	last = first;
	if (dash)
		ok = ok && str_to_u64(dash + 1, PORT_MAX, &last) == 0;
	if (!ok || !proto || first == 0 || last < first)
		return err_set(c->err, EINVAL, "'%.100s' is no port: expected N[-M][/tcp|udp|sctp]",
			       word);
	for (; first <= last; first++) {
		char key[32];

		snprintf(key, sizeof(key), "%u/%s", (unsigned int)first, proto);
		json_object_set_new(ports, key, json_object());
	}
	return 0;
}

static int change_expose(struct change *c)
{
	_cleanup_json_ json_t *ports = json_object();
	_cleanup_strv_ char **words = NULL;
	int r = parse_words(c, &words);

	if (r < 0)
		return r;
	for (char **w = words; *w; w++) {
		r = add_ports(c, *w, ports);
		if (r < 0)
			return r;
	}
	json_object_update(member(c->config, "ExposedPorts", json_object()), ports);
	return 0;
}

/* The expanded items of VOLUME: JSON or words. */
static int parse_items(struct change *c, char ***ret)
{
	_cleanup_json_ json_t *array = NULL;
	_cleanup_strv_ char **items = NULL;
	const json_t *item;
	size_t i;
	int r = json_form(c, &array);

	if (r <= 0)
		return r < 0 ? r : parse_words(c, ret);
	json_array_foreach (array, i, item) {
		char *expanded;

		r = expand_rest(c, json_string_value(item), json_string_length(item), &expanded);
		if (r < 0)
			return r;
		strv_take(&items, expanded);
	}
	if (!items)
		return err_set(c->err, EINVAL, "needs a path");
	*ret = steal_ptr(&items);
	return 0;
}

static int change_volume(struct change *c)
{
	_cleanup_json_ json_t *volumes = json_object();
	_cleanup_strv_ char **items = NULL;
	int r = parse_items(c, &items);

	if (r < 0)
		return r;
	for (char **v = items; *v; v++) {
		_cleanup_free_ char *rooted = xasprintf("/%s", *v);
		_cleanup_free_ char *path = path_clean(rooted);

		if (str_eq(path, "/"))
			return err_set(c->err, EINVAL, "'%.100s' is no path below /", *v);
		json_object_set_new(volumes, path, json_object());
	}
	json_object_update(member(c->config, "Volumes", json_object()), volumes);
	return 0;
}

static int whole_text(struct change *c, char **ret)
{
	int r = expand_rest(c, c->rest, strlen(c->rest), ret);

	if (r == 0 && **ret == '\0') {
		free(*ret);
		*ret = NULL;
		return err_set(c->err, EINVAL, "its argument is empty");
	}
	return r;
}

static int change_user(struct change *c)
{
	_cleanup_free_ char *user = NULL;
	int r = whole_text(c, &user);

	if (r < 0)
		return r;
	json_object_set_new(c->config, "User", json_string(user));
	return 0;
}

static int change_workdir(struct change *c)
{
	const char *before = json_string_value(json_object_get(c->config, "WorkingDir"));
	_cleanup_free_ char *dir = NULL, *joined = NULL, *rooted = NULL, *clean = NULL;
	int r = whole_text(c, &dir);

	if (r < 0)
		return r;
	joined = path_join(before ? before : "/", dir);
	rooted = xasprintf("/%s", joined);
	clean = path_clean(rooted);
	json_object_set_new(c->config, "WorkingDir", json_string(clean));
	return 0;
}

static int change_stopsignal(struct change *c)
{
	_cleanup_free_ char *name = NULL;
	int r = whole_text(c, &name);

	if (r < 0)
		return r;
	r = image_signal_parse(name, c->err);
	if (r < 0)
		return r;
	json_object_set_new(c->config, "StopSignal", json_string(name));
	return 0;
}

static const struct {
	const char *keyword;
	change_fn apply;
} instructions[] = {
	{"CMD", change_argv},	     {"ENTRYPOINT", change_argv}, {"ENV", change_env},
	{"LABEL", change_label},     {"EXPOSE", change_expose},	  {"USER", change_user},
	{"WORKDIR", change_workdir}, {"VOLUME", change_volume},	  {"STOPSIGNAL", change_stopsignal},
};

static int apply(struct change *c, size_t keyword_len)
{
	for (size_t i = 0; i < ARRAY_SIZE(instructions); i++) {
		const char *keyword = instructions[i].keyword;

		if (strlen(keyword) != keyword_len ||
		    strncasecmp(c->keyword, keyword, keyword_len) != 0)
			continue;
		if (*c->rest == '\0')
			return err_set(c->err, EINVAL, "needs an argument");
		c->keyword = keyword;
		return instructions[i].apply(c);
	}
	return err_set(
		c->err, EINVAL,
		"unsupported instruction (CMD ENTRYPOINT ENV LABEL EXPOSE USER WORKDIR VOLUME "
		"STOPSIGNAL are)");
}

int image_config_change(json_t *config, const char *instruction, struct err *err)
{
	struct change c = {.err = err};
	_cleanup_json_ json_t *utf8 = NULL, *runtime = NULL;
	_cleanup_free_ char *rest = NULL;
	size_t n;
	int r;

	if (strlen(instruction) > LIMIT_INSTRUCTION)
		return err_set(err, EINVAL, "instruction '%.60s...': longer than %d bytes",
			       instruction, LIMIT_INSTRUCTION);
	utf8 = json_string(instruction);
	if (!utf8)
		return err_set(err, EINVAL, "instruction '%.200s': not UTF-8 text", instruction);
	c.keyword = word_skip_blanks(instruction);
	n = strcspn(c.keyword, " \t\r\n\v\f");
	rest = xstrdup(word_skip_blanks(c.keyword + n));
	for (size_t len = strlen(rest); len > 0 && strchr(" \t\r\n\v\f", rest[len - 1]); len--)
		rest[len - 1] = '\0';
	c.rest = rest;
	runtime = json_incref(json_object_get(config, "config"));
	if (!json_is_object(runtime)) {
		json_decref(runtime);
		runtime = json_object();
	}
	c.config = runtime;
	c.env = json_object_get(c.config, "Env");
	r = apply(&c, n);
	if (r < 0) {
		err_prefix(err, "instruction '%.200s'", instruction);
		return r;
	}
	json_object_set(config, "config", runtime);
	return 0;
}
