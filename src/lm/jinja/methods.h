/* The methods of Python's types that templates may call. */
#ifndef JINJA_METHODS_H
#define JINJA_METHODS_H

#include "lm/jinja/value.h"

/* The method of that name, or NULL. */
const jj_native *jj_find_method(jj_value v, const char *name);
/* Whether the name is a method that changes a list or dict, which the sandbox refuses. */
bool jj_is_mutator(jj_value v, const char *name);
/* int.real and its like; missing where there is none by that name. */
jj_value jj_number_attribute(jj_value v, const char *name);

/* Tables end with a NULL name. */
extern const jj_native jj_str_methods[];      /* str_methods.c */
extern const jj_native jj_str_case_methods[]; /* str_case.c: case, classes of characters */

/* Shared by methods and filters. */
jj_value jj_str_upper(jj_ctx *ctx, jj_value s);
jj_value jj_str_lower(jj_ctx *ctx, jj_value s);
jj_value jj_str_capitalize(jj_ctx *ctx, jj_value s);
bool jj_str_is_lower(jj_value s);
bool jj_str_is_upper(jj_value s);
/* Strips characters of `chars` (missing or none: whitespace) from the sides asked for. */
jj_value jj_str_strip(jj_ctx *ctx, jj_value s, jj_value chars, bool left, bool right);
jj_value jj_str_replace(jj_ctx *ctx, jj_value s, jj_value old, jj_value new, int64_t count);
jj_value jj_str_center(jj_ctx *ctx, jj_value s, int64_t width);
jj_list *jj_str_lines(jj_ctx *ctx, jj_value s, bool keep_ends);
jj_value jj_str_join(jj_ctx *ctx, jj_value separator, jj_value over);

#endif
