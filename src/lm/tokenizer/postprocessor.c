/* Post-processors. All come down to templates for one text: tokens, and where the text goes. */
#include "lm/tokenizer/postprocessor.h"
#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

#define SEQUENCE (-1) /* in a template: the text itself */

typedef struct {
  tok_ids items; /* ids, and SEQUENCE */
} template;

struct tok_postprocessor {
  MX_VEC(template) templates; /* applied one after the other */
};

static template *add(tok_postprocessor *p) {
  mx_vec_push(&p->templates, (template){0});
  return &mx_vec_last(&p->templates);
}

/* One special token of a template, which may stand for several ids. */
static int read_special(template *t, const tok_place *at, const json_t *specials,
                        const char *name) {
  const json_t *ids = json_object_get(json_object_get(specials, name), "ids");
  if (!json_is_array(ids))
    return tok_fail(at, "the template's \"%s\" is not among its \"special_tokens\"", name);
  for (size_t i = 0; i < json_array_size(ids); i++) {
    int32_t id;
    if (tok_get_id(at, json_array_get(ids, i), "ids", &id)) return -1;
    mx_vec_push(&t->items, id);
  }
  return 0;
}

static int read_template(tok_postprocessor *p, const tok_place *at, const json_t *config) {
  json_t *single = NULL;
  if (tok_get_array(at, config, "single", TOK_REQUIRED, &single)) return -1;
  template *t = add(p);
  for (size_t i = 0; i < json_array_size(single); i++) {
    const json_t *piece = json_array_get(single, i);
    const json_t *sequence = json_object_get(piece, "Sequence");
    const json_t *special = json_object_get(json_object_get(piece, "SpecialToken"), "id");
    const char *id = json_string_value(json_object_get(sequence, "id"));
    if (id && !strcmp(id, "A"))
      mx_vec_push(&t->items, SEQUENCE);
    else if (!json_is_string(special))
      return tok_fail(at, "\"single\": piece %zu should be a SpecialToken or the Sequence A", i);
    else if (read_special(t, at, json_object_get(config, "special_tokens"),
                          json_string_value(special)))
      return -1;
  }
  return 0;
}

/* BERT's and RoBERTa's: cls, the text, sep. */
static int read_bert(tok_postprocessor *p, const tok_place *at, const json_t *config) {
  static const char *const ends[] = {"cls", "sep"};
  template *t = add(p);
  for (int i = 0; i < 2; i++) {
    int32_t id;
    const json_t *token = json_object_get(config, ends[i]);
    if (!json_is_array(token) || json_array_size(token) != 2)
      return tok_fail(at, "\"%s\" should be a [token, id] pair", ends[i]);
    if (tok_get_id(at, json_array_get(token, 1), ends[i], &id)) return -1;
    mx_vec_push(&t->items, id);
    if (!i) mx_vec_push(&t->items, SEQUENCE);
  }
  return 0;
}

/* Only moves offsets, which nobody asks for here. */
static int read_bytes(tok_postprocessor *p, const tok_place *at, const json_t *config) {
  (void)p, (void)at, (void)config;
  return 0;
}

static int read_any(tok_postprocessor *p, const tok_place *at, const json_t *config);

static int read_sequence(tok_postprocessor *p, const tok_place *at, const json_t *config) {
  json_t *parts = NULL;
  if (tok_get_array(at, config, "processors", TOK_REQUIRED, &parts)) return -1;
  for (size_t i = 0; i < json_array_size(parts); i++)
    if (read_any(p, at, json_array_get(parts, i))) return -1;
  return 0;
}

static const struct {
  const char *type;
  int (*read)(tok_postprocessor *p, const tok_place *at, const json_t *config);
} kinds[] = {
    {"TemplateProcessing", read_template}, {"ByteLevel", read_bytes},
    {"BertProcessing", read_bert},         {"RobertaProcessing", read_bert},
    {"Sequence", read_sequence},
};

static int read_any(tok_postprocessor *p, const tok_place *at, const json_t *config) {
  const char *type = json_string_value(json_object_get(config, "type"));
  if (!type) return tok_fail(at, "should be an object with a \"type\"");
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (!strcmp(kinds[i].type, type)) return kinds[i].read(p, at, config);
  return tok_fail(at, "unknown type \"%s\"", type);
}

int tok_postprocessor_new(const tok_place *at, const json_t *config, tok_postprocessor **out) {
  *out = NULL;
  if (!config || json_is_null(config)) return 0;
  tok_postprocessor *p = mx_xcalloc(1, sizeof *p);
  if (!read_any(p, at, config)) return *out = p, 0;
  tok_postprocessor_free(p);
  return -1;
}

void tok_postprocessor_free(tok_postprocessor *p) {
  if (!p) return;
  for (size_t i = 0; i < p->templates.size; i++) mx_vec_free(&p->templates.data[i].items);
  mx_vec_free(&p->templates);
  free(p);
}

void tok_postprocess(const tok_postprocessor *p, bool add_special_tokens, tok_ids *ids) {
  for (size_t i = 0; p && i < p->templates.size; i++) {
    const tok_ids *items = &p->templates.data[i].items;
    tok_ids out = {0};
    for (size_t k = 0; k < items->size; k++) {
      if (items->data[k] != SEQUENCE) {
        if (add_special_tokens) mx_vec_push(&out, items->data[k]);
        continue;
      }
      mx_vec_reserve(&out, out.size + ids->size);
      if (ids->size) memcpy(out.data + out.size, ids->data, ids->size * sizeof *ids->data);
      out.size += ids->size;
    }
    mx_vec_free(ids);
    *ids = out;
  }
}
