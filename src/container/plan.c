#include "container/plan.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "base/vec.h"
#include "ns/caps.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define SHORT_ID 12

struct op *plan_add(struct plan *p, enum op_kind kind, const char *source, const char *target)
{
	struct op *op;

	p->ops = vec_grow(p->ops, &p->cap_ops, p->n_ops + 1, sizeof(*p->ops));
	op = &p->ops[p->n_ops++];
	*op = (struct op){.kind = kind};
	if (source)
		op->source = xstrdup(source);
	if (target)
		op->target = xstrdup(target);
	return op;
}

void plan_release(struct plan *p)
{
	for (size_t i = 0; i < p->n_ops; i++) {
		free(p->ops[i].source);
		free(p->ops[i].target);
		free(p->ops[i].data);
	}
	free(p->ops);
	rootfs_release(&p->rootfs);
	strv_free(p->argv);
	strv_free(p->env);
	*p = (struct plan){0};
}

/* Entrypoint and Cmd as docker joins them: --entrypoint drops the image's Cmd, arguments replace
 * it. */
static int make_argv(const struct plan_input *in, struct plan *p, struct err *err)
{
	const struct run_request *request = in->request;

	if (!request->entrypoint)
		strv_extend(&p->argv, in->config->entrypoint);
	else if (*request->entrypoint)
		strv_add(&p->argv, request->entrypoint);

	if (strv_len(request->args))
		strv_extend(&p->argv, request->args);
	else if (!request->entrypoint)
		strv_extend(&p->argv, in->config->cmd);

	if (!strv_len(p->argv))
		return err_set(err, EINVAL,
			       "no command: image '%s' has no entrypoint and no default "
			       "command; name one behind the image",
			       request->image_name);
	return 0;
}

static void make_env(const struct plan_input *in, const char *hostname, struct plan *p)
{
	const struct run_request *request = in->request;

	p->env = strv_copy(in->config->env);
	if (!strv_env_get(p->env, "PATH"))
		strv_env_set(&p->env, "PATH", DEFAULT_PATH);
	if (request->tty && !strv_env_get(p->env, "TERM"))
		strv_env_set(&p->env, "TERM", "xterm");
	strv_env_set(&p->env, "HOSTNAME", hostname);
	strv_env_set(&p->env, "container", "strake");

	for (char **e = request->env; e && *e; e++) {
		char *equals = strchr(*e, '=');
		_cleanup_free_ char *key = xstrndup(*e, (size_t)(equals - *e));

		strv_env_set(&p->env, key, equals + 1);
	}
}

/* The user the command runs as: -u; with keep-id the caller; else the image's. Only the image's own
 * wish may be left unfulfilled, with a warning, where its id is not mapped: nobody asked for it
 * here. */
static void add_user(const struct plan_input *in, struct plan *p)
{
	const struct run_request *request = in->request;
	_cleanup_free_ char *self = NULL;
	const char *user = in->config->user;
	struct op *op;

	if (request->user) {
		user = request->user;
	} else if (in->identity->keep_id) {
		self = xasprintf("%u:%u", (unsigned int)in->identity->uid,
				 (unsigned int)in->identity->gid);
		user = self;
	}
	op = plan_add(p, OP_USER, user ? user : "", NULL);
	op->optional = !request->user;
	op->caps = CAPS_DEFAULT;
}

int plan_make(const struct plan_input *in, struct plan *ret, struct err *err)
{
	const struct run_request *request = in->request;
	_cleanup_free_ char *short_id = xstrndup(in->id, SHORT_ID);
	const char *hostname = request->hostname ? request->hostname : short_id;
	const char *workdir = request->workdir ? request->workdir : in->config->working_dir;
	_cleanup_free_ char *clean = path_join("/", str_is_empty(workdir) ? "/" : workdir);

	*ret = (struct plan){
		.identity = *in->identity,
		.tty = request->tty,
		.interactive = request->interactive,
		.rootfs =
			{
				.mode = request->overlay,
				.mountpoints = in->mountpoints ? xstrdup(in->mountpoints) : NULL,
				.dir = xstrdup(in->dir),
				.layers = strv_copy(in->layers),
				.throw_away = request->remove,
				.owners = in->identity->range,
			},
	};
	if (make_argv(in, ret, err) < 0)
		return -err->code;
	make_env(in, hostname, ret);

	plan_add(ret, OP_ROOTFS, NULL, NULL);
	plan_add_mounts(ret, in, hostname);
	if (request->readonly)
		plan_add(ret, OP_ROOT_READONLY, NULL, "/");
	plan_add(ret, OP_PIVOT, NULL, NULL);
	plan_add(ret, OP_HOSTNAME, hostname, NULL);
	plan_add(ret, OP_WORKDIR, NULL, clean);
	add_user(in, ret);
	plan_add(ret, OP_CAPS, NULL, NULL)->caps = CAPS_DEFAULT;
	if (request->no_new_privileges)
		plan_add(ret, OP_NO_NEW_PRIVS, NULL, NULL);
	plan_add(ret, OP_EXEC, NULL, NULL);
	return 0;
}
