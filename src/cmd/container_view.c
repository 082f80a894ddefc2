#include <time.h>

#include "base/mem.h"
#include "base/str.h"
#include "cmd/common.h"
#include "cmd/container_view.h"

const char *container_status_word(const struct container_state *c)
{
	switch (c->status) {
	case CONTAINER_RUNNING:
		return "running";
	case CONTAINER_EXITED:
		return "exited";
	case CONTAINER_CREATED:
	default:
		return "created";
	}
}

char *container_status_text(const struct container_state *c)
{
	_cleanup_free_ char *age =
		age_text(c->status == CONTAINER_RUNNING ? c->started : c->finished);

	if (c->status == CONTAINER_RUNNING) {
		if (str_ends(age, " ago"))
			age[strlen(age) - strlen(" ago")] = '\0';
		return c->started ? xasprintf("Up %s", age) : xstrdup("Up");
	}
	if (c->status == CONTAINER_CREATED)
		return xstrdup("Created");
	if (c->exit_code < 0)
		return xstrdup("Exited (unknown)");
	return c->finished ? xasprintf("Exited (%d) %s", c->exit_code, age)
			   : xasprintf("Exited (%d)", c->exit_code);
}

static void add_time(json_t *object, const char *key, int64_t when)
{
	char text[32];

	/* docker's word for "not yet" is Go's zero time */
	json_add_text(object, key, when > 0 ? str_time(when, text) : "0001-01-01T00:00:00Z");
}

json_t *container_ps_json(const struct container_state *c)
{
	_cleanup_free_ char *status = container_status_text(c);
	json_t *object = json_object(), *names = json_array();

	json_array_append_new(names, json_string(c->name));
	json_object_set_new(object, "AutoRemove", json_boolean(c->remove));
	json_object_set_new(object, "Command", json_from_strv(c->argv));
	json_object_set_new(object, "Created", json_integer(c->created));
	add_time(object, "CreatedAt", c->created);
	json_object_set_new(object, "Exited", json_boolean(c->status == CONTAINER_EXITED));
	json_object_set_new(object, "ExitedAt", json_integer(c->finished));
	json_object_set_new(object, "ExitCode", json_integer(c->exit_code));
	json_add_text(object, "Id", c->id);
	json_add_text(object, "Image", c->image_name);
	json_add_text(object, "ImageID", c->image_id);
	json_object_set_new(object, "Names", names);
	json_add_text(object, "Overlay", c->overlay);
	json_object_set_new(object, "Pid", json_integer(c->pid));
	json_object_set_new(object, "StartedAt", json_integer(c->started));
	json_add_text(object, "State", container_status_word(c));
	json_add_text(object, "Status", status);
	return object;
}

static json_t *state_json(const struct container_state *c)
{
	json_t *object = json_object();

	json_add_text(object, "Status", container_status_word(c));
	json_object_set_new(object, "Running", json_boolean(c->status == CONTAINER_RUNNING));
	json_object_set_new(object, "Pid", json_integer(c->pid));
	json_object_set_new(object, "ExitCode", json_integer(c->exit_code));
	add_time(object, "StartedAt", c->started);
	add_time(object, "FinishedAt", c->finished);
	return object;
}

json_t *container_inspect_json(const struct container_state *c)
{
	json_t *object = json_object(), *config = json_object(), *host = json_object();

	json_add_text(object, "Id", c->id);
	add_time(object, "Created", c->created);
	json_add_text(object, "Path", c->argv && c->argv[0] ? c->argv[0] : "");
	json_object_set_new(object, "Args",
			    json_from_strv(c->argv && c->argv[0] ? c->argv + 1 : NULL));
	json_object_set_new(object, "State", state_json(c));
	json_add_text(object, "Image", c->image_id);
	json_add_text(object, "ImageName", c->image_name);
	json_add_text(object, "ImageDigest", c->manifest.text);
	json_add_text(object, "Name", c->name);
	json_add_text(object, "Overlay", c->overlay);
	json_add_text(config, "Image", c->image_name);
	json_object_set_new(config, "Cmd", json_from_strv(c->argv));
	json_object_set_new(object, "Config", config);
	json_object_set_new(host, "AutoRemove", json_boolean(c->remove));
	json_add_text(host, "UsernsMode", c->range ? "range" : "single");
	json_object_set_new(object, "HostConfig", host);
	return object;
}
