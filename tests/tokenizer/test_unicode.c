/* Properties of every character, as normalizers, pre-tokenizers and split patterns see them,
 * against hashes of what `tokenizers` makes of all of Unicode (tests/golden/make_tokenizer.py). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "lm/tokenizer/normalizer.h"
#include "lm/tokenizer/pretokenizer.h"
#include "lm/tokenizer/utf8.h"

#include <stdlib.h>
#include <string.h>

static uint32_t fnv(const char *s, size_t size) {
  uint32_t h = 0x811c9dc5;
  for (size_t i = 0; i < size; i++) h = (h ^ (unsigned char)s[i]) * 0x01000193u;
  return h;
}

/* The text of a block, as the script has it; false past the last. */
static bool block_text(size_t number, mx_str *out) {
  uint32_t first = number < 0x34 ? (uint32_t)number << 12 : number == 0x34 ? 0xe0000 : 0x10f000;
  mx_str_clear(out);
  for (uint32_t c = first; number < 0x36 && c < first + 0x1000; c++) {
    if (c >= 0xd800 && c < 0xe000) continue;
    mx_str_putc(out, 'a');
    tok_utf8_append(out, c);
    mx_str_putc(out, '\n');
  }
  return number < 0x36;
}

static void normalise(const json_t *config, mx_str *text) {
  tok_place at = {"golden", "normalizer"};
  tok_normalizer *n;
  size_t origin = 1;
  assert_int_equal(tok_normalizer_new(&at, config, &n), 0);
  assert_int_equal(tok_normalize(n, text, &origin), 0);
  tok_normalizer_free(n);
}

static void pretokenize(const json_t *config, mx_str *text) {
  tok_place at = {"golden", "pre_tokenizer"};
  tok_pretokenizer *p;
  tok_work work = {0};
  assert_int_equal(tok_pretokenizer_new(&at, config, &p), 0);
  mx_str_append(&work.text, mx_str_c(text), text->size);
  mx_vec_push(&work.pieces, (tok_piece){0, text->size, 1, true, -1});
  assert_int_equal(tok_pretokenize(p, &work), 0);
  mx_str_clear(text);
  for (size_t i = 0; i < work.pieces.size; i++) {
    if (i) mx_str_putc(text, 0x1f);
    mx_str_append(text, work.text.data + work.pieces.data[i].start, work.pieces.data[i].size);
  }
  tok_pretokenizer_free(p);
  mx_str_free(&work.text);
  mx_str_free(&work.spare_text);
  mx_vec_free(&work.pieces);
  mx_vec_free(&work.spare_pieces);
}

static void every_character_is_what_tokenizers_takes_it_for(void **state) {
  (void)state;
  json_error_t error;
  json_t *golden = json_load_file(SOURCE_DIR "/tests/golden/tokenizer/properties.json", 0, &error),
         *entry;
  assert_non_null(golden);
  mx_str text = {0};
  size_t i;
  int wrong = 0;
  json_array_foreach(golden, i, entry) {
    json_t *normalizer = json_object_get(entry, "normalizer");
    json_t *pretokenizer = json_object_get(entry, "pre_tokenizer");
    for (size_t block = 0; block_text(block, &text); block++) {
      if (normalizer)
        normalise(normalizer, &text);
      else
        pretokenize(pretokenizer, &text);
      json_int_t hash = json_integer_value(json_array_get(json_object_get(entry, "hashes"), block));
      if (hash == fnv(mx_str_c(&text), text.size)) continue;
      char *what = json_dumps(normalizer ? normalizer : pretokenizer, 0);
      print_error("block %zu is not as expected under %s\n", block, what);
      free(what);
      wrong++;
    }
  }
  mx_str_free(&text);
  json_decref(golden);
  assert_int_equal(wrong, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_character_is_what_tokenizers_takes_it_for),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
