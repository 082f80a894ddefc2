/* Theory of operation
 *
 * The parent keeps everything that belongs to the host: it chooses the identity, makes the
 * container's directory, plans, starts (start.c), waits (wait.c), and keeps the books (state.c).
 *
 * A container that could not be started leaves nothing behind. One that ended stays, with its upper
 * and its exit status, until `rm`, or goes at once with --rm.
 *
 * A root file system that strake-overlayfs serves has one more process, which belongs to the
 * container as its first process does: a container whose server died is killed, since nothing in it
 * can read or write any more, and a container that ended is not ended before its server has written
 * out what it holds.
 */
#include "container/run.h"

#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "container/mountpoints.h"
#include "container/plan.h"
#include "container/start.h"
#include "container/state.h"
#include "container/wait.h"

#define FAILED 125 /* what strake exits with then */

static void fill_state(struct container_state *c, const struct image *image,
		       const struct run_request *request, const struct identity *id)
{
	*c = (struct container_state){
		.name = request->name ? xstrdup(request->name) : NULL,
		.image_name = xstrdup(request->image_name),
		.image_id = xstrdup(image->manifest.config.digest.text),
		.manifest = image->descriptor.digest,
		.layers = xmemdup(image->config.diff_ids,
				  image->config.n_diff_ids * sizeof(struct digest)),
		.n_layers = image->config.n_diff_ids,
		.created = time(NULL),
		.range = id->range,
		.remove = request->remove,
	};
}

static int make_plan(struct store *s, const struct image *image, char *const *layers,
		     const struct run_request *request, const struct identity *id,
		     const char *container_id, struct plan *plan, struct err *err)
{
	_cleanup_free_ char *mountpoints = NULL;
	_cleanup_free_ char *dir = xasprintf("%s/containers/%s", s->path, container_id);
	struct plan_input in = {
		.request = request,
		.config = &image->config,
		.identity = id,
		.dir = dir,
		.layers = layers,
		.id = container_id,
	};

	if (mountpoints_layer(s, &mountpoints, err) < 0)
		return -err->code;
	in.mountpoints = mountpoints;
	return plan_make(&in, plan, err);
}

/* What is left of the running container is its exit code, unless its server died before it. */
static int finish(const struct plan *plan, struct started *started, const char *name, int code,
		  struct err *err)
{
	_cleanup_free_ char *of = xasprintf("container '%s'", name);

	overlay_server_end(&started->server, plan->rootfs.throw_away);
	if (overlay_server_verdict(&started->server, of, err) < 0)
		return -err->code;
	return code;
}

/* Clone to exit. Returns the exit code. *ret_ran: the command was executed. */
static int launch(const struct plan *plan, int dir, const char *name, bool *ret_ran,
		  struct err *err)
{
	struct started started;
	sigset_t old;
	int ret;

	wait_block_signals(&old);
	ret = container_start(plan, name, &started, err);
	*ret_ran = ret == 0;
	if (ret == 0) {
		const enum overlay_mode mode = rootfs_stacked(&plan->rootfs, dir, &started.server);
		struct err ignored = ERR_INIT;

		if (container_state_started(dir, started.pid, overlay_mode_name(mode), &ignored) <
		    0)
			log_warning("%s", ignored.msg);
		ret = wait_container(&started, plan->interactive, err);
		ret = finish(plan, &started, name, ret, err);
	}
	wait_restore_signals(&old);
	return ret;
}

static int dry_run(struct store *s, const struct image *image, char *const *layers,
		   const struct run_request *request, const struct identity *id, struct err *err)
{
	static const char no_id[] =
		"0000000000000000000000000000000000000000000000000000000000000000";
	struct plan plan = {0};
	int ret = make_plan(s, image, layers, request, id, no_id, &plan, err);

	if (ret == 0)
		plan_print(&plan, stdout);
	plan_release(&plan);
	return ret;
}

static int prepare(struct store *s, const struct image *image, char *const *layers,
		   const struct run_request *request, const struct identity *id,
		   struct container_state *c, int *ret_dir, struct plan *plan, struct err *err)
{
	int ret;

	fill_state(c, image, request, id);
	ret = container_state_create(s, c, ret_dir, err);
	if (ret < 0)
		return ret;
	ret = make_plan(s, image, layers, request, id, c->id, plan, err);
	if (ret == 0)
		c->argv = strv_copy(plan->argv);
	return ret;
}

/* Records the end, or removes what is not to stay. */
static void put_away(struct store *s, const struct container_state *c, int dir, int *lock,
		     bool keep, int code)
{
	struct err err = ERR_INIT;
	int ret = 0;

	if (keep) {
		ret = container_state_ended(dir, code, &err);
	} else if (c->id[0] && dir >= 0) {
		fd_closep(lock);
		ret = container_remove(s, c, &err);
	}
	if (ret < 0)
		log_warning("%s", err.msg);
}

int container_run(struct store *s, const struct image *image, char *const *layers,
		  const struct run_request *request, int lease, struct err *err)
{
	struct container_state c = {0};
	struct plan plan = {0};
	struct identity id;
	_cleanup_fd_ int lock = -1, dir = -1, held = lease;
	bool ran = false;
	int ret;

	ret = identity_choose(request->userns, &id, err);
	if (ret < 0)
		return ret;
	if (id.why[0])
		log_verbose("single identity: %s", id.why);
	if (request->dry_run)
		return dry_run(s, image, layers, request, &id, err);

	ret = prepare(s, image, layers, request, &id, &c, &dir, &plan, err);
	if (ret == 0)
		ret = container_state_save(&c, dir, &lock, err);
	fd_closep(&held);
	if (ret == 0)
		ret = launch(&plan, dir, c.name, &ran, err);

	put_away(s, &c, dir, &lock, ran && !request->remove, ret < 0 ? FAILED : ret);
	plan_release(&plan);
	container_state_release(&c);
	return ret;
}
