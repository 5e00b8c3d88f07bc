/* Growable byte strings. */
#include "base/str.h"
#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void reserve(mx_str *s, size_t extra) {
  size_t need = s->size + extra + 1;
  if (need <= s->capacity) return;
  size_t grown = s->capacity ? s->capacity * 2 : 32;
  s->capacity = grown > need ? grown : need;
  s->data = mx_xrealloc(s->data, s->capacity);
}

void mx_str_append(mx_str *s, const char *bytes, size_t length) {
  reserve(s, length);
  if (length) memcpy(s->data + s->size, bytes, length);
  s->size += length;
  s->data[s->size] = 0;
}

void mx_str_puts(mx_str *s, const char *text) { mx_str_append(s, text, strlen(text)); }

void mx_str_putc(mx_str *s, char c) { mx_str_append(s, &c, 1); }

void mx_str_printf(mx_str *s, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int length = vsnprintf(NULL, 0, format, args);
  va_end(args);
  if (length > 0) {
    reserve(s, (size_t)length);
    vsnprintf(s->data + s->size, (size_t)length + 1, format, again);
    s->size += (size_t)length;
  }
  va_end(again);
}

void mx_str_clear(mx_str *s) {
  s->size = 0;
  if (s->data) s->data[0] = 0;
}

const char *mx_str_c(const mx_str *s) { return s->data ? s->data : ""; }

char *mx_str_take(mx_str *s) {
  reserve(s, 0);
  s->data[s->size] = 0;
  char *taken = s->data;
  *s = (mx_str){0};
  return taken;
}

void mx_str_free(mx_str *s) {
  free(s->data);
  *s = (mx_str){0};
}
