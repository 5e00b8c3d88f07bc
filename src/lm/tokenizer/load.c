/* Loading a checkpoint's tokenizer: tokenizer.json, and what the files beside it say of special
 * tokens, chat templates and the ids that end a text. */
#include "base/alloc.h"
#include "lm/tokenizer/tokenizer.h"
#include "lm/tokenizer/utf8.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const char *tok_named(const tok_named_texts *list, const char *name) {
  for (size_t i = 0; i < list->size; i++)
    if (!strcmp(list->data[i].name, name)) return list->data[i].text;
  return NULL;
}

void tok_name(tok_named_texts *list, const char *name, const char *text, size_t size) {
  for (size_t i = 0; i < list->size; i++)
    if (!strcmp(list->data[i].name, name)) {
      free(list->data[i].text);
      list->data[i].text = mx_xstrndup(text, size);
      return;
    }
  mx_vec_push(list, (tok_named_text){mx_xstrdup(name), mx_xstrndup(text, size)});
}

/* Reads a whole file into out: 1, or 0 where there is none, or -1 after mx_fail. */
static int read_file(const char *path, mx_str *out) {
  struct stat status = {0};
  FILE *file = fopen(path, "rb");
  if (!file && (errno == ENOENT || errno == ENOTDIR)) return 0;
  if (file && !fstat(fileno(file), &status) && S_ISDIR(status.st_mode)) errno = EISDIR;
  bool bad = !file || S_ISDIR(status.st_mode);
  size_t capacity = status.st_size > 0 ? (size_t)status.st_size : 0, n = 1;
  while (!bad && n) {
    if (out->capacity < out->size + capacity + 2) {
      out->capacity = out->size + capacity + 4096;
      out->data = mx_xrealloc(out->data, out->capacity);
    }
    n = fread(out->data + out->size, 1, out->capacity - out->size - 1, file);
    out->size += n;
    out->data[out->size] = 0;
    bad = ferror(file);
  }
  int error = errno;
  if (file) fclose(file);
  if (!bad) return 1;
  mx_fail("[tokenizer] %s: %s", path, strerror(error));
  return -1;
}

static void join(mx_str *path, const char *directory, const char *name) {
  mx_str_clear(path);
  mx_str_printf(path, "%s/%s", directory, name);
}

/* A JSON object from a file: 1, or 0 where there is none, or -1. */
static int read_object(const char *path, json_t **object) {
  mx_str text = {0};
  json_error_t error;
  int rc = read_file(path, &text);
  *object = NULL;
  if (rc > 0) {
    size_t skip = text.size >= 3 && !memcmp(text.data, "\xef\xbb\xbf", 3) ? 3 : 0;
    *object = json_loadb(mx_str_c(&text) + skip, text.size - skip, JSON_ALLOW_NUL, &error);
    if (!*object) {
      mx_fail("[tokenizer] %s: bad JSON at line %d: %s", path, error.line, error.text);
      rc = -1;
    } else if (!json_is_object(*object)) {
      mx_fail("[tokenizer] %s: should be an object", path);
      json_decref(*object);
      *object = NULL;
      rc = -1;
    }
  }
  mx_str_free(&text);
  return rc;
}

/* The text of a token that is given as a string or as an object with its content. */
static const json_t *token_text(const json_t *value) {
  const json_t *content = json_object_get(value, "content");
  const json_t *text = json_is_string(value) ? value : content;
  return json_is_string(text) ? text : NULL;
}

/* Everything that is named ..._token, and the lists of further special tokens. */
static void read_special(mlx_lm_tokenizer *t, const json_t *config) {
  static const char *const lists[] = {"additional_special_tokens", "extra_special_tokens"};
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)config, key, value) {
    size_t size = strlen(key);
    const json_t *text = token_text(value);
    if (text && size > 6 && !strcmp(key + size - 6, "_token"))
      tok_name(&t->special, key, json_string_value(text), json_string_length(text));
  }
  for (int i = 0; i < 2; i++) {
    const json_t *list = json_object_get(config, lists[i]);
    if (json_is_object(list)) read_special(t, list);
    for (size_t k = 0; json_is_array(list) && k < json_array_size(list); k++) {
      const json_t *text = token_text(json_array_get(list, k));
      bool known = !text;
      for (size_t n = 0; !known && n < t->additional.size; n++)
        known = !strcmp(t->additional.data[n], json_string_value(text));
      if (!known)
        mx_vec_push(&t->additional, mx_xstrndup(json_string_value(text), json_string_length(text)));
    }
  }
}

typedef struct {
  long id;
  const json_t *token;
} numbered;

static int by_number(const void *a, const void *b) {
  const numbered *x = a, *y = b;
  return (x->id > y->id) - (x->id < y->id);
}

static bool has_added(const mlx_lm_tokenizer *t, const char *text, size_t size) {
  return tok_vocab_find(&t->added.names, text, size) >= 0;
}

/* Tokens of added_tokens_decoder that tokenizer.json does not have, in the order of their ids. */
static int add_decoder_tokens(mlx_lm_tokenizer *t, const tok_place *at, const json_t *decoder) {
  if (decoder && !json_is_object(decoder) && !json_is_null(decoder))
    return tok_fail(at, "\"added_tokens_decoder\" should be an object");
  MX_VEC(numbered) tokens = {0};
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)decoder, key, value)
      mx_vec_push(&tokens, (numbered){strtol(key, NULL, 10), value});
  if (tokens.size) qsort(tokens.data, tokens.size, sizeof *tokens.data, by_number);
  int rc = 0;
  for (size_t i = 0; i < tokens.size && !rc; i++) {
    tok_added_token token;
    rc = tok_added_read(at, tokens.data[i].token, &token);
    if (rc) break;
    if (has_added(t, token.content, token.size))
      free(token.content);
    else
      tok_added_add(&t->added, &t->model->vocab, &token, 1);
  }
  mx_vec_free(&tokens);
  return rc;
}

static void add_special_token(mlx_lm_tokenizer *t, const char *text) {
  size_t size = strlen(text);
  if (has_added(t, text, size)) return;
  tok_added_token token = {.content = mx_xstrndup(text, size), .size = size, .special = true};
  tok_added_add(&t->added, &t->model->vocab, &token, 1);
}

/* Whether a name is of those that every tokenizer of transformers has: their tokens are added to
 * the vocabulary where it lacks them. */
static bool is_standard(const char *name) {
  static const char *const names[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                      "pad_token", "cls_token", "mask_token"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (!strcmp(names[i], name)) return true;
  return false;
}

static int read_config_templates(mlx_lm_tokenizer *t, const tok_place *at, const json_t *value) {
  if (!value || json_is_null(value)) return 0;
  if (json_is_string(value)) {
    tok_name(&t->templates, "default", json_string_value(value), json_string_length(value));
    return 0;
  }
  for (size_t i = 0; json_is_array(value) && i < json_array_size(value); i++) {
    const json_t *name = json_object_get(json_array_get(value, i), "name");
    const json_t *text = json_object_get(json_array_get(value, i), "template");
    if (!json_is_string(name) || !json_is_string(text))
      return tok_fail(at, "\"chat_template\": entry %zu should have a \"name\" and a \"template\"",
                      i);
    tok_name(&t->templates, json_string_value(name), json_string_value(text),
             json_string_length(text));
  }
  const char *key;
  json_t *text;
  json_object_foreach((json_t *)value, key, text) if (json_is_string(text))
      tok_name(&t->templates, key, json_string_value(text), json_string_length(text));
  return json_is_array(value) || json_is_object(value)
             ? 0
             : tok_fail(at, "\"chat_template\" should be a string or a list");
}

static void drop_templates(mlx_lm_tokenizer *t) {
  for (size_t i = 0; i < t->templates.size; i++)
    free(t->templates.data[i].name), free(t->templates.data[i].text);
  t->templates.size = 0;
}

/* Adds a template file under a name, dropping what the config gave when it is the first. 1 if there
 * is one, 0 if not, -1. */
static int read_template_file(mlx_lm_tokenizer *t, const char *path, const char *name, bool first) {
  mx_str text = {0};
  int rc = read_file(path, &text);
  size_t valid = rc > 0 ? tok_utf8_valid_prefix(mx_str_c(&text), text.size) : 0;
  if (rc > 0 && valid != text.size) {
    mx_fail("[tokenizer] %s: byte %zu is not UTF-8", path, valid);
    rc = -1;
  }
  if (rc > 0) {
    if (first) drop_templates(t);
    tok_name(&t->templates, name, mx_str_c(&text), text.size);
  }
  mx_str_free(&text);
  return rc;
}

static int by_name(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* additional_chat_templates/NAME.jinja */
static int read_additional_templates(mlx_lm_tokenizer *t, const char *directory, bool first) {
  mx_str path = {0};
  MX_VEC(char *) names = {0};
  join(&path, directory, "additional_chat_templates");
  DIR *dir = opendir(mx_str_c(&path));
  for (struct dirent *e; dir && (e = readdir(dir));) {
    size_t size = strlen(e->d_name);
    if (size > 6 && !strcmp(e->d_name + size - 6, ".jinja"))
      mx_vec_push(&names, mx_xstrndup(e->d_name, size - 6));
  }
  if (dir) closedir(dir);
  if (names.size) qsort(names.data, names.size, sizeof *names.data, by_name);
  int rc = 0;
  for (size_t i = 0; i < names.size; i++) {
    mx_str_clear(&path);
    mx_str_printf(&path, "%s/additional_chat_templates/%s.jinja", directory, names.data[i]);
    if (rc >= 0) rc = read_template_file(t, mx_str_c(&path), names.data[i], first && !i);
    free(names.data[i]);
  }
  mx_vec_free(&names);
  mx_str_free(&path);
  return rc < 0 ? -1 : 0;
}

static int read_template_files(mlx_lm_tokenizer *t, const char *directory) {
  mx_str path = {0};
  join(&path, directory, "chat_template.jinja");
  int rc = read_template_file(t, mx_str_c(&path), "default", true);
  if (rc >= 0) rc = read_additional_templates(t, directory, rc == 0);
  if (!rc && !t->templates.size) { /* what processors of images and sound once wrote */
    json_t *object;
    join(&path, directory, "chat_template.json");
    rc = read_object(mx_str_c(&path), &object);
    tok_place at = {mx_str_c(&path), NULL};
    if (rc > 0) rc = read_config_templates(t, &at, json_object_get(object, "chat_template"));
    json_decref(object);
  }
  mx_str_free(&path);
  return rc < 0 ? -1 : 0;
}

/* Special tokens and templates from tokenizer_config.json and special_tokens_map.json. */
static int read_configs(mlx_lm_tokenizer *t, const char *directory) {
  mx_str path = {0};
  json_t *config, *map = NULL;
  join(&path, directory, "tokenizer_config.json");
  int rc = read_object(mx_str_c(&path), &config);
  tok_place at = {mx_str_c(&path), NULL};
  if (rc >= 0) {
    read_special(t, config);
    rc = add_decoder_tokens(t, &at, json_object_get(config, "added_tokens_decoder"));
  }
  if (!rc) rc = read_config_templates(t, &at, json_object_get(config, "chat_template"));
  if (!rc && !json_object_get(config, "added_tokens_decoder")) {
    join(&path, directory, "special_tokens_map.json");
    rc = read_object(mx_str_c(&path), &map);
    if (rc > 0) read_special(t, map), rc = 0;
  }
  json_decref(config);
  json_decref(map);
  mx_str_free(&path);
  if (rc) return -1;
  for (size_t i = 0; i < t->special.size; i++)
    if (is_standard(t->special.data[i].name)) add_special_token(t, t->special.data[i].text);
  for (size_t i = 0; i < t->additional.size; i++) add_special_token(t, t->additional.data[i]);
  return tok_added_finish(&t->added, t->normalizer);
}

static void add_eos(mlx_lm_tokenizer *t, int32_t id) {
  if (!mlx_lm_tokenizer_is_eos(t, id)) mx_vec_push(&t->eos, id);
}

/* An id or a list of them. */
static int read_eos(mlx_lm_tokenizer *t, const tok_place *at, const json_t *value) {
  int32_t id;
  if (json_is_null(value)) return 0;
  if (!json_is_array(value)) {
    if (tok_get_id(at, value, "eos_token_id", &id)) return -1;
    add_eos(t, id);
  }
  for (size_t i = 0; json_is_array(value) && i < json_array_size(value); i++) {
    if (tok_get_id(at, json_array_get(value, i), "eos_token_id", &id)) return -1;
    add_eos(t, id);
  }
  return 0;
}

/* As mlx_lm: generation_config.json's ids where it has any (0 counts as none, and a file that is no
 * JSON is passed over), then config.json's, then the token's. */
static int read_eos_ids(mlx_lm_tokenizer *t, const char *directory) {
  mx_str path = {0};
  json_t *config = NULL, *generation = NULL;
  bool had_error = mx_error() != NULL;
  join(&path, directory, "generation_config.json");
  if (read_object(mx_str_c(&path), &generation) < 0 && !had_error) mx_error_clear();
  const json_t *ids = json_object_get(generation, "eos_token_id");
  bool counts = ids && !json_is_null(ids) && !json_is_false(ids) &&
                !(json_is_integer(ids) && json_integer_value(ids) == 0) &&
                !(json_is_array(ids) && !json_array_size(ids));
  int rc = 0;
  if (!counts) {
    join(&path, directory, "config.json");
    rc = read_object(mx_str_c(&path), &config);
    ids = json_object_get(config, "eos_token_id");
  }
  tok_place at = {mx_str_c(&path), NULL};
  if (rc >= 0) rc = ids ? read_eos(t, &at, ids) : 0;
  json_decref(generation);
  json_decref(config);
  mx_str_free(&path);
  if (rc) return -1;
  const char *eos = tok_named(&t->special, "eos_token");
  int32_t id = eos && !t->eos.size ? mlx_lm_tokenizer_token_to_id(t, eos, strlen(eos)) : -1;
  if (id >= 0) add_eos(t, id);
  return 0;
}

mlx_lm_tokenizer *mlx_lm_tokenizer_load(const char *directory) {
  mx_str path = {0}, text = {0};
  mlx_lm_tokenizer *t = NULL;
  join(&path, directory, "tokenizer.json");
  int rc = read_file(mx_str_c(&path), &text);
  if (!rc) mx_fail("[tokenizer] %s: there is no such file", mx_str_c(&path));
  if (rc > 0) t = tok_read(mx_str_c(&path), mx_str_c(&text), text.size);
  mx_str_free(&path);
  mx_str_free(&text);
  if (t && (read_configs(t, directory) || read_template_files(t, directory) ||
            read_eos_ids(t, directory))) {
    mlx_lm_tokenizer_free(t);
    t = NULL;
  }
  return t;
}

int32_t mlx_lm_tokenizer_bos_id(const mlx_lm_tokenizer *tokenizer) {
  const char *bos = tok_named(&tokenizer->special, "bos_token");
  return bos ? mlx_lm_tokenizer_token_to_id(tokenizer, bos, strlen(bos)) : -1;
}

const int32_t *mlx_lm_tokenizer_eos_ids(const mlx_lm_tokenizer *tokenizer, size_t *count) {
  *count = tokenizer->eos.size;
  return tokenizer->eos.data;
}

bool mlx_lm_tokenizer_is_eos(const mlx_lm_tokenizer *tokenizer, int32_t id) {
  for (size_t i = 0; i < tokenizer->eos.size; i++)
    if (tokenizer->eos.data[i] == id) return true;
  return false;
}

int mlx_lm_tokenizer_add_eos_token(mlx_lm_tokenizer *tokenizer, const char *token) {
  char *end;
  long number = strtol(token, &end, 10);
  int32_t id = *token && !*end && number >= 0 && number <= INT32_MAX
                   ? (int32_t)number
                   : mlx_lm_tokenizer_token_to_id(tokenizer, token, strlen(token));
  if (id < 0) {
    mx_fail("[tokenizer] \"%s\" is neither a token nor a token's id", token);
    return -1;
  }
  add_eos(tokenizer, id);
  return 0;
}

const char *mlx_lm_tokenizer_special_token(const mlx_lm_tokenizer *tokenizer, const char *name) {
  return tok_named(&tokenizer->special, name);
}

bool mlx_lm_tokenizer_special_token_at(const mlx_lm_tokenizer *tokenizer, size_t index,
                                       const char **name, const char **text) {
  if (index >= tokenizer->special.size) return false;
  *name = tokenizer->special.data[index].name;
  *text = tokenizer->special.data[index].text;
  return true;
}

const char *mlx_lm_tokenizer_additional_special_token(const mlx_lm_tokenizer *tokenizer,
                                                      size_t index) {
  return index < tokenizer->additional.size ? tokenizer->additional.data[index] : NULL;
}

const char *mlx_lm_tokenizer_chat_template(const mlx_lm_tokenizer *tokenizer, const char *name) {
  return tok_named(&tokenizer->templates, name ? name : "default");
}

const char *mlx_lm_tokenizer_chat_template_name(const mlx_lm_tokenizer *tokenizer, size_t index) {
  return index < tokenizer->templates.size ? tokenizer->templates.data[index].name : NULL;
}
