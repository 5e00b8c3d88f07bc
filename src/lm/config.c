/* Reading config.json. */
#include "lm/config.h"
#include "base/alloc.h"
#include "base/file.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static json_t *read_json(const char *path) {
  mx_str text = {0};
  json_error_t error;
  json_t *root = NULL;
  if (mx_file_read(path, &text)) {
    root = json_loadb(mx_str_c(&text), text.size, 0, &error);
    if (!root) mx_fail("%s: not valid JSON: %s (line %d)", path, error.text, error.line);
  }
  mx_str_free(&text);
  if (root && !json_is_object(root)) {
    mx_fail("%s: not a JSON object", path);
    json_decref(root);
    return NULL;
  }
  return root;
}

lm_config *lm_config_new(json_t *root, const char *path) {
  lm_config *c = mx_xcalloc(1, sizeof *c);
  c->root = root;
  c->path = mx_xstrdup(path);
  return c;
}

/* generation_config.json speaks about stopping, and is forgiven when it is broken. */
static void take_eos(json_t *root, const char *directory) {
  mx_str path = {0};
  json_error_t error;
  mx_str_printf(&path, "%s/generation_config.json", directory);
  json_t *generation = json_load_file(path.data, 0, &error);
  json_t *eos = json_object_get(generation, "eos_token_id");
  if (eos && !json_is_null(eos)) json_object_set(root, "eos_token_id", eos);
  json_decref(generation);
  mx_str_free(&path);
}

lm_config *lm_config_read(const char *directory, const char *name) {
  mx_str path = {0};
  mx_str_printf(&path, "%s/%s", directory, name);
  json_t *root = read_json(path.data);
  lm_config *c = root ? lm_config_new(root, path.data) : NULL;
  mx_str_free(&path);
  return c;
}

lm_config *lm_config_load(const char *directory) {
  lm_config *c = lm_config_read(directory, "config.json");
  if (c) take_eos(c->root, directory);
  return c;
}

void lm_config_free(lm_config *c) {
  if (!c) return;
  json_decref(c->root);
  free(c->path);
  free(c);
}

static json_t *present(const json_t *object, const char *key) {
  json_t *value = json_object_get(object, key);
  return json_is_null(value) ? NULL : value;
}

static void wrong(lm_config *c, const char *key, const char *wanted) {
  mx_fail("%s: \"%s\" %s", c->path, key, wanted);
  c->failed = true;
}

int lm_config_int(lm_config *c, const char *key, int otherwise) {
  const json_t *value = present(c->root, key);
  if (!value) return otherwise;
  double number = json_number_value(value);
  if (json_is_number(value) && number == floor(number) && fabs(number) <= INT_MAX)
    return (int)number;
  wrong(c, key, "is not an integer");
  return 0;
}

int lm_config_int_required(lm_config *c, const char *key) {
  if (!present(c->root, key)) {
    wrong(c, key, "is missing");
    return 0;
  }
  int value = lm_config_int(c, key, 0);
  if (value < 1 && !c->failed) wrong(c, key, "must be at least 1");
  return value;
}

double lm_config_float(lm_config *c, const char *key, double otherwise) {
  const json_t *value = present(c->root, key);
  if (!value) return otherwise;
  if (json_is_number(value)) return json_number_value(value);
  wrong(c, key, "is not a number");
  return 0;
}

bool lm_config_bool(lm_config *c, const char *key, bool otherwise) {
  const json_t *value = present(c->root, key);
  if (!value) return otherwise;
  if (!json_is_boolean(value)) wrong(c, key, "is not true or false");
  return json_is_true(value);
}

const char *lm_config_text(lm_config *c, const char *key, const char *otherwise) {
  const json_t *value = present(c->root, key);
  if (!value) return otherwise;
  if (!json_is_string(value)) wrong(c, key, "is not a string");
  return json_string_value(value);
}

json_t *lm_config_object(lm_config *c, const char *key) {
  json_t *value = present(c->root, key);
  if (value && !json_is_object(value)) {
    wrong(c, key, "is not an object");
    return NULL;
  }
  return value;
}

json_t *lm_config_list(lm_config *c, const char *key) {
  json_t *value = present(c->root, key);
  if (value && !json_is_array(value)) {
    wrong(c, key, "is not a list");
    return NULL;
  }
  return value;
}

static void wrong_field(lm_config *c, const char *owner, const char *key, const char *wanted) {
  mx_fail("%s: \"%s.%s\" %s", c->path, owner, key, wanted);
  c->failed = true;
}

double lm_field_float(lm_config *c, const json_t *object, const char *owner, const char *key,
                      double otherwise) {
  const json_t *value = present(object, key);
  if (!value) return otherwise;
  if (!json_is_number(value)) wrong_field(c, owner, key, "is not a number");
  return json_number_value(value);
}

double lm_field_float_required(lm_config *c, const json_t *object, const char *owner,
                               const char *key) {
  if (!present(object, key)) wrong_field(c, owner, key, "is missing");
  return lm_field_float(c, object, owner, key, 0);
}
