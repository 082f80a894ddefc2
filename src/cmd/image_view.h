/* image_view: what `images` and `inspect` show of an image. */
#ifndef STRAKE_CMD_IMAGE_VIEW_H
#define STRAKE_CMD_IMAGE_VIEW_H

#include <stdint.h>

#include "base/json.h"
#include "image/open.h"
#include "store/tag.h"

/* "127.0.0.1:5000/a/b:1" -> "127.0.0.1:5000/a/b" and "1"; a missing part is "<none>". Text only:
 * names that other tools wrote into the layout are split too. Both malloced. */
void name_split(const char *name, char **ret_repository, char **ret_tag);

/* Bytes of its blobs, as they are stored and transferred (layers compressed). */
uint64_t image_size(const struct image *image);
/* Seconds since the epoch; 0 when the config does not say. */
int64_t image_created(const struct image *image);
/* The digest the image has under that tag in its registry: of the index it came from, else of its
 * manifest. */
const char *tag_repo_digest(const struct tag *tag);
/* Arrays for all tags of this manifest: "REPOSITORY:TAG" and "REPOSITORY@DIGEST". */
json_t *image_repo_tags(const struct tags *tags, const struct digest *manifest);
json_t *image_repo_digests(const struct tags *tags, const struct digest *manifest);

#endif
