/* What the files of filters share. */
#ifndef JINJA_FILTERS_H
#define JINJA_FILTERS_H

#include "lm/jinja/value.h"

/* Tables of filters; each ends with a NULL name. */
extern const jj_native jj_text_filters[];  /* filters_text.c */
extern const jj_native jj_html_filters[];  /* filters_html.c */
extern const jj_native jj_wrap_filters[];  /* filters_wrap.c */
extern const jj_native jj_value_filters[]; /* filters_value.c */
extern const jj_native jj_seq_filters[];   /* filters_seq.c */
extern const jj_native jj_lazy_filters[];  /* filters_lazy.c: those that yield generators */

/* The way to an attribute: "address.city" or 0. */
typedef struct {
  jj_list *parts;
  bool fold_case;
  jj_value otherwise; /* instead of undefined; missing or none: no such */
} jj_getter;
/* `attribute` may be missing or none: the item itself. NULL parts after an error. */
jj_getter jj_getter_of(jj_ctx *ctx, jj_value attribute, bool fold_case, jj_value otherwise);
jj_value jj_get(jj_ctx *ctx, const jj_getter *getter, jj_value item);
jj_value jj_fold_case(jj_ctx *ctx, jj_value v);

/* Arguments of a filter: given and not none; given and true. */
static inline bool jj_some(jj_value v) { return v.type != JJ_MISSING && v.type != JJ_NONE; }
bool jj_flag(jj_ctx *ctx, jj_value v, bool otherwise);
/* An integer argument; -1 after Python's TypeError. */
int jj_take_int(jj_ctx *ctx, jj_value v, int64_t otherwise, int64_t *out);
/* A failed attribute access: "'int' object has no attribute 'items'". */
jj_value jj_no_attribute(jj_ctx *ctx, jj_value v, const char *name);

#endif
