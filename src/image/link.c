#include "image/link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "layer/lower.h"
#include "store/scratch.h"

bool layer_is_repeated(const struct digest *diff_ids, size_t n, size_t i)
{
	for (size_t j = i + 1; j < n; j++)
		if (digest_eq(&diff_ids[i], &diff_ids[j]))
			return true;
	return false;
}

static int link_layer(struct store *s, const struct digest *diff_ids, size_t i, int dir,
		      struct err *err)
{
	int *lowers = xcalloc(i + 1, sizeof(*lowers)), r = 0;
	size_t n = 0;

	while (n < i && r >= 0) {
		r = layer_dir_open(s, &diff_ids[n], err);
		if (r >= 0)
			lowers[n++] = r;
	}
	if (r >= 0)
		r = layer_links_make(dir, lowers, diff_ids, i, err);
	while (n > 0)
		close(lowers[--n]);
	free(lowers);
	return r;
}

int image_link_layers(struct store *s, const struct manifest *manifest,
		      const struct image_config *config, struct err *err)
{
	for (size_t i = 0; i < config->n_diff_ids; i++) {
		_cleanup_fd_ int dir = -1;
		int r;

		if (layer_is_repeated(config->diff_ids, config->n_diff_ids, i))
			continue;
		dir = layer_dir_open(s, &config->diff_ids[i], err);
		if (dir < 0)
			return dir;
		if (layer_links_check(dir, config->diff_ids, i, NULL) == 0)
			continue;
		r = link_layer(s, config->diff_ids, i, dir, err);
		if (r < 0)
			return err_prefix(err, "layer %s", manifest->layers[i].digest.text);
	}
	return 0;
}
