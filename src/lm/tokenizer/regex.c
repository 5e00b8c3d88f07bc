/* Matching: PCRE2 with JIT, and its limits. A text may be megabytes of one character class, so the
 * JIT stack may grow far, and where it still overflows, the interpreter (whose stack is on the
 * heap) takes over. */
#include "lm/tokenizer/regex.h"
#include "base/alloc.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define JIT_STACK_START (32u << 10)
#define JIT_STACK_LIMIT (64u << 20)
#define HEAP_LIMIT_KIB (1u << 20)
/* Steps back before a match is given up: ten times what Oniguruma allows itself. */
#define MATCH_LIMIT 100000000u

struct tok_regex {
  pcre2_code *code; /* NULL for a literal */
  bool jit;
  char *literal;
  size_t size;
};

/* What matching needs, one a thread: made when it first matches, gone with it. */
typedef struct {
  pcre2_match_context *context;
  pcre2_jit_stack *stack; /* address space until it is touched */
  pcre2_match_data *data;
  bool busy;
} matcher;

static pcre2_compile_context *compile_context;
static pthread_key_t matcher_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void free_matcher(void *value) {
  matcher *m = value;
  pcre2_match_data_free(m->data);
  pcre2_match_context_free(m->context);
  pcre2_jit_stack_free(m->stack);
  free(m);
}

static void initialise(void) {
  pthread_key_create(&matcher_key, free_matcher);
  compile_context = pcre2_compile_context_create(NULL);
  pcre2_set_newline(compile_context, PCRE2_NEWLINE_LF);
}

static matcher *new_matcher(void) {
  matcher *m = mx_xcalloc(1, sizeof *m);
  m->context = pcre2_match_context_create(NULL);
  m->stack = pcre2_jit_stack_create(JIT_STACK_START, JIT_STACK_LIMIT, NULL);
  m->data = pcre2_match_data_create(1, NULL);
  pcre2_jit_stack_assign(m->context, NULL, m->stack);
  pcre2_set_match_limit(m->context, MATCH_LIMIT);
  pcre2_set_depth_limit(m->context, UINT32_MAX);
  pcre2_set_heap_limit(m->context, HEAP_LIMIT_KIB);
  return m;
}

/* The thread's matcher, or one of its own where that is in use. */
static matcher *take_matcher(void) {
  pthread_once(&once, initialise);
  matcher *m = pthread_getspecific(matcher_key);
  if (!m) pthread_setspecific(matcher_key, m = new_matcher());
  if (m->busy) m = new_matcher();
  m->busy = true;
  return m;
}

tok_regex *tok_regex_literal(const char *text, size_t size) {
  if (!size) return tok_regex_new("", 0, "empty pattern");
  tok_regex *re = mx_xcalloc(1, sizeof *re);
  re->literal = mx_xstrndup(text, size);
  re->size = size;
  return re;
}

tok_regex *tok_regex_new(const char *pattern, size_t size, const char *where) {
  mx_str translated = {0};
  if (tok_regex_translate(pattern, size, where, &translated)) {
    mx_str_free(&translated);
    return NULL;
  }
  pthread_once(&once, initialise);
  int error;
  PCRE2_SIZE at;
  pcre2_code *code =
      pcre2_compile((PCRE2_SPTR)mx_str_c(&translated), translated.size,
                    PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE, &error, &at, compile_context);
  mx_str_free(&translated);
  if (!code) {
    char message[256];
    pcre2_get_error_message(error, (PCRE2_UCHAR *)message, sizeof message);
    return mx_fail("%s: bad regular expression \"%.*s\": %s", where, (int)(size < 200 ? size : 200),
                   pattern, message);
  }
  tok_regex *re = mx_xcalloc(1, sizeof *re);
  re->jit = !pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); /* else the interpreter serves */
  re->code = code;
  return re;
}

void tok_regex_free(tok_regex *re) {
  if (!re) return;
  pcre2_code_free(re->code);
  free(re->literal);
  free(re);
}

void tok_find_start(tok_find *f, const tok_regex *re, const char *text, size_t size) {
  *f = (tok_find){re, text, size, 0, SIZE_MAX, NULL};
  if (re->code) f->matcher = take_matcher();
}

void tok_find_end(tok_find *f) {
  matcher *m = f->matcher;
  f->matcher = NULL;
  if (m && m == pthread_getspecific(matcher_key))
    m->busy = false;
  else if (m)
    free_matcher(m);
}

static int match(tok_find *f) {
  matcher *m = f->matcher;
  PCRE2_SPTR text = (PCRE2_SPTR)f->text;
  int rc = f->re->jit ? pcre2_jit_match(f->re->code, text, f->size, f->at, PCRE2_NO_UTF_CHECK,
                                        m->data, m->context)
                      : PCRE2_ERROR_JIT_STACKLIMIT;
  if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
    rc = pcre2_match(f->re->code, text, f->size, f->at, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, m->data,
                     m->context);
  if (rc >= 0) return 1;
  if (rc == PCRE2_ERROR_NOMATCH) return 0;
  char message[256];
  pcre2_get_error_message(rc, (PCRE2_UCHAR *)message, sizeof message);
  mx_fail("[tokenizer] a split pattern gave up on a text of %zu bytes: %s", f->size, message);
  return -1;
}

static int next_literal(tok_find *f, size_t *start, size_t *end) {
  const char *hit = f->at < f->size
                        ? memmem(f->text + f->at, f->size - f->at, f->re->literal, f->re->size)
                        : NULL;
  if (!hit) return 0;
  *start = (size_t)(hit - f->text);
  f->at = *end = *start + f->re->size;
  return 1;
}

int tok_find_next(tok_find *f, size_t *start, size_t *end) {
  if (f->re->literal) return next_literal(f, start, end);
  while (f->at <= f->size) {
    int rc = match(f);
    if (rc <= 0) return rc;
    PCRE2_SIZE *bounds = pcre2_get_ovector_pointer(((matcher *)f->matcher)->data);
    if (bounds[0] == bounds[1] && bounds[1] == f->last_end) {
      do f->at++;
      while (f->at < f->size && (f->text[f->at] & 0xc0) == 0x80);
      continue;
    }
    *start = bounds[0];
    f->at = f->last_end = *end = bounds[1];
    return 1;
  }
  return 0;
}
