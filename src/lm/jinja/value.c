/* The heap of a rendering, and the constructors of its values. */
#include "lm/jinja/value.h"

#include "lm/jinja/context.h"
#include "lm/jinja/ops.h"
#include "lm/jinja/interp.h"
#include "lm/jinja/unicode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- The context -- */

void jj_ctx_init(jj_ctx *ctx) {
  *ctx = (jj_ctx){.bytes_limit = JJ_HEAP_BYTES, .steps = JJ_STEPS};
  ctx->all.prev = ctx->all.next = &ctx->all;
  ctx->stack = __builtin_frame_address(0);
}

/* Frees whatever the counts did not: cycles, and what an error left behind. Objects let go of what
 * they hold before any is freed, since they may hold each other. */
void jj_ctx_free(jj_ctx *ctx) {
  jj_drain(ctx, 0);
  for (jj_object *o = ctx->all.next; o != &ctx->all; o = o->next) o->refs = JJ_IMMORTAL;
  for (jj_object *o = ctx->all.next; o != &ctx->all; o = o->next) jj_drop(ctx, o);
  while (ctx->all.next != &ctx->all) {
    jj_object *o = ctx->all.next;
    ctx->all.next = o->next;
    free(o);
  }
  mx_vec_free(&ctx->pool);
  mx_str_free(&ctx->message);
}

jj_value jj_fail(jj_ctx *ctx, const char *format, ...) {
  if (ctx->failed) return jj_failed();
  ctx->failed = true;
  char small[512];
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int length = vsnprintf(small, sizeof small, format, args);
  va_end(args);
  if (length >= (int)sizeof small) {
    char *large = mx_xmalloc((size_t)length + 1);
    vsnprintf(large, (size_t)length + 1, format, again);
    mx_str_puts(&ctx->message, large);
    free(large);
  } else {
    mx_str_puts(&ctx->message, small);
  }
  va_end(again);
  return jj_failed();
}

bool jj_deep(jj_ctx *ctx) {
  const char *here = __builtin_frame_address(0);
  ptrdiff_t used = ctx->stack - here;
  if (used < JJ_STACK_BYTES && used > -JJ_STACK_BYTES) return false;
  jj_fail(ctx, "maximum recursion depth exceeded");
  return true;
}

bool jj_step(jj_ctx *ctx) {
  if (ctx->failed) return false;
  if (ctx->steps-- > 0) return true;
  ctx->steps = 0;
  jj_fail(ctx, "the template takes more than %llu steps", (unsigned long long)JJ_STEPS);
  return false;
}

/* -- Lifetimes -- */

bool jj_room(jj_ctx *ctx, size_t bytes) {
  if (ctx->failed) return false;
  if (bytes <= ctx->bytes_limit && ctx->bytes <= ctx->bytes_limit - bytes) return true;
  jj_fail(ctx, "the template needs more than %zu bytes of memory", ctx->bytes_limit);
  return false;
}

bool jj_room_for(jj_ctx *ctx, size_t count, size_t each) {
  return jj_room(ctx, count > SIZE_MAX / 2 / each ? SIZE_MAX : count * each);
}

void jj_account(jj_ctx *ctx, size_t before, size_t after) {
  ctx->bytes = ctx->bytes - before + after;
  if (after > before) jj_room(ctx, 0);
}

void *jj_alloc(jj_ctx *ctx, jj_type type, size_t bytes) {
  jj_object *o = mx_xcalloc(1, bytes);
  o->type = (uint8_t)type;
  o->refs = 1;
  o->prev = ctx->all.prev;
  o->next = &ctx->all;
  o->prev->next = o->next->prev = o;
  jj_account(ctx, 0, sizeof(jj_object));
  mx_vec_push(&ctx->pool, o);
  return o;
}

void jj_retain(jj_value v) {
  if (v.type >= JJ_UNDEFINED && v.o->refs != JJ_IMMORTAL) v.o->refs++;
}

/* Objects die through a list, not by recursion: nesting may be a million levels deep. */
static void reap(jj_ctx *ctx) {
  if (ctx->reaping) return;
  ctx->reaping = true;
  while (ctx->dying) {
    jj_object *o = ctx->dying;
    ctx->dying = o->next;
    jj_drop(ctx, o);
    free(o);
  }
  ctx->reaping = false;
}

static void release_object(jj_ctx *ctx, jj_object *o) {
  if (o->refs == JJ_IMMORTAL || --o->refs > 0) return;
  o->prev->next = o->next;
  o->next->prev = o->prev;
  ctx->bytes -= sizeof(jj_object);
  o->next = ctx->dying;
  ctx->dying = o;
  reap(ctx);
}

void jj_release(jj_ctx *ctx, jj_value v) {
  if (v.type >= JJ_UNDEFINED) release_object(ctx, v.o);
}

void jj_assign(jj_ctx *ctx, jj_value *slot, jj_value v) {
  jj_value old = *slot;
  jj_retain(v);
  *slot = v;
  jj_release(ctx, old);
}

size_t jj_mark(jj_ctx *ctx) { return ctx->pool.size; }

void jj_drain(jj_ctx *ctx, size_t mark) {
  while (ctx->pool.size > mark) release_object(ctx, mx_vec_pop(&ctx->pool));
}

jj_value jj_drain_but(jj_ctx *ctx, size_t mark, jj_value v) {
  jj_retain(v);
  jj_drain(ctx, mark);
  if (v.type >= JJ_UNDEFINED && v.o->refs != JJ_IMMORTAL) mx_vec_push(&ctx->pool, v.o);
  return v;
}

/* -- Strings -- */

uint64_t jj_hash_bytes(const char *bytes, size_t size) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (size_t i = 0; i < size; i++) hash = (hash ^ (uint8_t)bytes[i]) * 0x100000001b3u;
  hash ^= hash >> 29;
  return hash ? hash : 1;
}

uint64_t jj_string_hash(jj_string *s) {
  if (!s->hash) s->hash = jj_hash_bytes(s->data, s->size);
  return s->hash;
}

jj_value jj_str(jj_ctx *ctx, const char *bytes, size_t size) {
  if (size > JJ_TEXT_BYTES)
    return jj_fail(ctx, "a string of the template is longer than %d bytes", JJ_TEXT_BYTES);
  /* Short texts are always made, even past an error: callers need not check constants. */
  if (size > 4096 && !jj_room(ctx, size)) return jj_failed();
  jj_string *s = jj_alloc(ctx, JJ_STRING, sizeof *s + size + 1);
  s->data = (char *)(s + 1);
  if (size) memcpy(s->data, bytes, size);
  s->size = size;
  s->count = jj_utf8_count(bytes, size);
  jj_account(ctx, 0, size);
  return jj_object_value(s);
}

jj_value jj_strz(jj_ctx *ctx, const char *text) { return jj_str(ctx, text, strlen(text)); }

jj_value jj_str_flagged(jj_ctx *ctx, jj_value text, bool markup) {
  if (jj_bad(text) || jj_is_markup(text) == markup) return text;
  jj_value copy = jj_str(ctx, text.s->data, text.s->size);
  if (!jj_bad(copy)) copy.o->flag = markup ? JJ_MARKUP : 0;
  return copy;
}

const char *jj_text(jj_value string) { return string.s->data; }

/* -- Containers -- */

jj_list *jj_list_new(jj_ctx *ctx, jj_type type, size_t capacity) {
  jj_list *list = jj_alloc(ctx, type, sizeof *list);
  if (!capacity) return list;
  list->items = mx_xmalloc(capacity * sizeof *list->items);
  list->capacity = capacity;
  jj_account(ctx, 0, capacity * sizeof *list->items);
  return list;
}

void jj_list_push(jj_ctx *ctx, jj_list *list, jj_value item) {
  if (list->size == list->capacity) {
    size_t grown = list->capacity ? list->capacity * 2 : 8;
    jj_account(ctx, list->capacity * sizeof item, grown * sizeof item);
    list->items = mx_xrealloc(list->items, grown * sizeof item);
    list->capacity = grown;
  }
  jj_retain(item);
  list->items[list->size++] = item;
}

jj_value jj_pair(jj_ctx *ctx, jj_value a, jj_value b) {
  jj_list *pair = jj_list_new(ctx, JJ_TUPLE, 2);
  jj_list_push(ctx, pair, a);
  jj_list_push(ctx, pair, b);
  return jj_object_value(pair);
}

jj_value jj_range_new(jj_ctx *ctx, int64_t start, int64_t stop, int64_t step) {
  jj_range *r = jj_alloc(ctx, JJ_RANGE, sizeof *r);
  r->start = start, r->stop = stop, r->step = step;
  __int128 span = step > 0 ? (__int128)stop - start : (__int128)start - stop;
  __int128 stride = step > 0 ? (__int128)step : -(__int128)step;
  __int128 length = span <= 0 ? 0 : (span + stride - 1) / stride;
  r->length = length > INT64_MAX ? INT64_MAX : (int64_t)length;
  return jj_object_value(r);
}

jj_value jj_view_new(jj_ctx *ctx, jj_dict *dict, jj_view_kind kind) {
  jj_view *view = jj_alloc(ctx, JJ_VIEW, sizeof *view);
  view->dict = dict;
  view->kind = kind;
  jj_retain(jj_object_value(dict));
  return jj_object_value(view);
}

jj_value jj_undefined_of(jj_ctx *ctx, jj_value owner, jj_value name) {
  jj_undefined *u = jj_alloc(ctx, JJ_UNDEFINED, sizeof *u);
  jj_assign(ctx, &u->owner, owner);
  jj_assign(ctx, &u->name, name);
  return jj_object_value(u);
}

jj_value jj_undefined_name(jj_ctx *ctx, jj_value name) {
  return jj_undefined_of(ctx, jj_missing(), name);
}

jj_value jj_undefined_hint(jj_ctx *ctx, const char *hint) {
  jj_value v = jj_undefined_of(ctx, jj_missing(), jj_missing());
  ((jj_undefined *)v.o)->hint = hint;
  return v;
}

jj_value jj_undefined_hintf(jj_ctx *ctx, const char *format, ...) {
  char text[512];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  jj_value owner = jj_strz(ctx, text);
  if (jj_bad(owner)) return owner;
  jj_value v = jj_undefined_of(ctx, owner, jj_missing());
  ((jj_undefined *)v.o)->hint = jj_text(owner);
  return v;
}

jj_value jj_iterator_new(jj_ctx *ctx, const char *type_name, jj_next_fn *next, jj_value source) {
  jj_iterator *it = jj_alloc(ctx, JJ_ITERATOR, sizeof *it);
  it->type_name = type_name;
  it->next = next;
  jj_iterator_hold(ctx, it, 0, source);
  it->inner.over = source;
  return jj_object_value(it);
}

void jj_iterator_hold(jj_ctx *ctx, jj_iterator *it, int index, jj_value value) {
  jj_assign(ctx, &it->held[index], value);
}

jj_value jj_function_new(jj_ctx *ctx, const jj_native *native, jj_value self,
                         const char *type_name) {
  jj_function *f = jj_alloc(ctx, JJ_FUNCTION, sizeof *f);
  f->native = native;
  f->type_name = type_name;
  jj_assign(ctx, &f->self, self);
  return jj_object_value(f);
}

/* -- What an object holds -- */

static void drop_items(jj_ctx *ctx, jj_value *items, size_t count) {
  for (size_t i = 0; i < count; i++) jj_release(ctx, items[i]);
}

static void drop_list(jj_ctx *ctx, jj_object *o) {
  jj_list *list = (jj_list *)o;
  drop_items(ctx, list->items, list->size);
  jj_account(ctx, list->capacity * sizeof *list->items, 0);
  free(list->items);
}

static void drop_dict(jj_ctx *ctx, jj_object *o) {
  jj_dict *dict = (jj_dict *)o;
  for (size_t i = 0; i < dict->size; i++) {
    jj_release(ctx, dict->entries[i].key);
    jj_release(ctx, dict->entries[i].value);
  }
  jj_account(ctx, dict->capacity * sizeof *dict->entries + dict->slot_count * 4, 0);
  free(dict->entries);
  free(dict->slots);
}

static void drop_string(jj_ctx *ctx, jj_object *o) {
  jj_string *s = (jj_string *)o;
  jj_account(ctx, s->size, 0);
  if (s->data != (char *)(s + 1)) free(s->data);
}

static void drop_view(jj_ctx *ctx, jj_object *o) {
  jj_release(ctx, jj_object_value(((jj_view *)o)->dict));
}

static void drop_undefined(jj_ctx *ctx, jj_object *o) {
  jj_release(ctx, ((jj_undefined *)o)->owner);
  jj_release(ctx, ((jj_undefined *)o)->name);
}

static void drop_iterator(jj_ctx *ctx, jj_object *o) {
  drop_items(ctx, ((jj_iterator *)o)->held, 4);
}

static void drop_namespace(jj_ctx *ctx, jj_object *o) {
  jj_release(ctx, jj_object_value(((jj_namespace *)o)->attrs));
}

static void drop_function(jj_ctx *ctx, jj_object *o) { jj_release(ctx, ((jj_function *)o)->self); }

static void drop_cycler(jj_ctx *ctx, jj_object *o) { jj_release(ctx, ((jj_cycler *)o)->items); }

static void drop_joiner(jj_ctx *ctx, jj_object *o) { jj_release(ctx, ((jj_joiner *)o)->separator); }

void jj_drop(jj_ctx *ctx, jj_object *o) {
  static void (*const drops[JJ_TYPES])(jj_ctx *, jj_object *) = {
      [JJ_UNDEFINED] = drop_undefined, [JJ_STRING] = drop_string,       [JJ_LIST] = drop_list,
      [JJ_TUPLE] = drop_list,          [JJ_DICT] = drop_dict,           [JJ_VIEW] = drop_view,
      [JJ_ITERATOR] = drop_iterator,   [JJ_NAMESPACE] = drop_namespace, [JJ_LOOP] = jj_loop_drop,
      [JJ_MACRO] = jj_macro_drop,      [JJ_FUNCTION] = drop_function,   [JJ_CYCLER] = drop_cycler,
      [JJ_JOINER] = drop_joiner,       [JJ_FRAME] = jj_frame_drop,
  };
  if (drops[o->type]) drops[o->type](ctx, o);
}

/* -- Building text -- */

void jj_buf_free(jj_buf *b) { mx_str_free(&b->text); }

static bool fits(jj_buf *b, size_t extra) {
  if (b->text.size + extra <= JJ_TEXT_BYTES) return true;
  jj_fail(b->ctx, "a text of the template is longer than %d bytes", JJ_TEXT_BYTES);
  return false;
}

void jj_put(jj_buf *b, const char *bytes, size_t size) {
  if (fits(b, size)) mx_str_append(&b->text, bytes, size);
}

void jj_puts(jj_buf *b, const char *text) { jj_put(b, text, strlen(text)); }

void jj_putc(jj_buf *b, char c) { jj_put(b, &c, 1); }

void jj_put_cp(jj_buf *b, uint32_t cp) {
  char bytes[4];
  jj_put(b, bytes, jj_utf8_put(bytes, cp));
}

void jj_put_str(jj_buf *b, jj_value string) { jj_put(b, string.s->data, string.s->size); }

void jj_put_fill(jj_buf *b, const char *unit, size_t size, int64_t times) {
  if (times <= 0 || size == 0) return;
  if (!fits(b, times > JJ_TEXT_BYTES ? JJ_TEXT_BYTES + 1 : (size_t)times * size)) return;
  for (int64_t i = 0; i < times; i++) mx_str_append(&b->text, unit, size);
}

/* Long texts change hands instead of being copied. */
jj_value jj_take(jj_buf *b) {
  enum { LONG = 1 << 12 };
  size_t size = b->text.size;
  if (b->ctx->failed) return jj_failed();
  if (size < LONG || !jj_room(b->ctx, size)) {
    jj_value v = jj_str(b->ctx, mx_str_c(&b->text), size);
    mx_str_free(&b->text);
    return v;
  }
  jj_string *s = jj_alloc(b->ctx, JJ_STRING, sizeof *s);
  s->data = mx_xrealloc(mx_str_take(&b->text), size + 1);
  s->size = size;
  s->count = jj_utf8_count(s->data, size);
  jj_account(b->ctx, 0, size);
  return jj_object_value(s);
}
