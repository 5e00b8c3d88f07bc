/* Matching: PCRE2 with JIT, and its limits. A text may be megabytes of one character class, so the
 * JIT stack may grow far, and where it still overflows, the interpreter (whose stack is on the
 * heap) takes over. */
#define _GNU_SOURCE /* memmem */
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

struct tok_regex {
  pcre2_code *code; /* NULL for a literal */
  char *literal;
  size_t size;
};

static pthread_key_t stack_key;
static pthread_once_t stack_once = PTHREAD_ONCE_INIT;

static void free_stack(void *stack) { pcre2_jit_stack_free(stack); }
static void make_key(void) { pthread_key_create(&stack_key, free_stack); }

/* One JIT stack a thread, made when it first matches; address space until it is touched. */
static pcre2_jit_stack *thread_stack(void *unused) {
  (void)unused;
  pthread_once(&stack_once, make_key);
  pcre2_jit_stack *stack = pthread_getspecific(stack_key);
  if (!stack) {
    stack = pcre2_jit_stack_create(JIT_STACK_START, JIT_STACK_LIMIT, NULL);
    pthread_setspecific(stack_key, stack);
  }
  return stack;
}

static pcre2_match_context *match_context;
static pcre2_compile_context *compile_context;
static pthread_once_t context_once = PTHREAD_ONCE_INIT;

static void make_contexts(void) {
  compile_context = pcre2_compile_context_create(NULL);
  pcre2_set_newline(compile_context, PCRE2_NEWLINE_LF);
  match_context = pcre2_match_context_create(NULL);
  pcre2_jit_stack_assign(match_context, thread_stack, NULL);
  pcre2_set_match_limit(match_context, UINT32_MAX);
  pcre2_set_depth_limit(match_context, UINT32_MAX);
  pcre2_set_heap_limit(match_context, HEAP_LIMIT_KIB);
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
  pthread_once(&context_once, make_contexts);
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
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); /* where there is no JIT, the interpreter serves */
  tok_regex *re = mx_xcalloc(1, sizeof *re);
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
  if (re->code) f->data = pcre2_match_data_create(1, NULL);
}

void tok_find_end(tok_find *f) {
  if (f->data) pcre2_match_data_free(f->data);
  f->data = NULL;
}

static int match(tok_find *f) {
  PCRE2_SPTR text = (PCRE2_SPTR)f->text;
  int rc =
      pcre2_match(f->re->code, text, f->size, f->at, PCRE2_NO_UTF_CHECK, f->data, match_context);
  if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
    rc = pcre2_match(f->re->code, text, f->size, f->at, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, f->data,
                     match_context);
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
    PCRE2_SIZE *bounds = pcre2_get_ovector_pointer(f->data);
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
