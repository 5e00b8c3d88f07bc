/* A model's config.json, read field by field with defaults; what is wrong is told with the file's
 * and the field's name. */
#ifndef LM_CONFIG_H
#define LM_CONFIG_H

#include <jansson.h>
#include <stdbool.h>

typedef struct lm_config {
  json_t *root; /* an object */
  char *path;   /* of the file, for messages */
  bool failed;  /* a field was wrong; mx_error says which */
} lm_config;

/* directory/config.json, with eos_token_id from generation_config.json where that has one. NULL
 * after mx_fail. */
lm_config *lm_config_load(const char *directory);
/* directory/name alone. NULL after mx_fail. */
lm_config *lm_config_read(const char *directory, const char *name);
/* Takes over `root`. */
lm_config *lm_config_new(json_t *root, const char *path);
void lm_config_free(lm_config *c);

/* One field's value. Absent and null count alike: the default (`otherwise`), or for the _required
 * ones an error. A wrong type is an error: `failed` is set, and 0 or NULL returned. */
int lm_config_int(lm_config *c, const char *key, int otherwise);
int lm_config_int_required(lm_config *c, const char *key); /* and at least 1 */
double lm_config_float(lm_config *c, const char *key, double otherwise);
bool lm_config_bool(lm_config *c, const char *key, bool otherwise);
const char *lm_config_text(lm_config *c, const char *key, const char *otherwise);
json_t *lm_config_object(lm_config *c, const char *key); /* NULL where absent */
json_t *lm_config_list(lm_config *c, const char *key);   /* NULL where absent */

/* The same for a nested object of the config, as `owner.key` in messages. */
double lm_field_float(lm_config *c, const json_t *object, const char *owner, const char *key,
                      double otherwise);
double lm_field_float_required(lm_config *c, const json_t *object, const char *owner,
                               const char *key);

#endif
