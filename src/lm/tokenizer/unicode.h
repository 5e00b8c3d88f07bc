/* Character properties as the parts of Hugging Face's tokenizers see them. Each part of that
 * library carries the tables of another Unicode version; utf8proc supplies the bulk, and the small
 * tables here what differs. */
#ifndef LM_TOKENIZER_UNICODE_H
#define LM_TOKENIZER_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  uint32_t first, last;
} tok_range;

/* Whether c lies in one of the sorted ranges. */
bool tok_in_ranges(const tok_range *ranges, size_t count, uint32_t c);

/* Characters assigned (or recategorised) by Unicode 15 and 16, with their general category. */
typedef struct {
  uint32_t first, last;
  int category; /* utf8proc_category_t */
} tok_recent;
extern const tok_recent tok_recents[];
extern const size_t tok_recent_count;

/* General category in Unicode 16 (a utf8proc_category_t). */
int tok_category(uint32_t c);

bool tok_is_space(uint32_t c);       /* White_Space */
bool tok_is_number(uint32_t c);      /* Nd, Nl, No */
bool tok_is_word(uint32_t c);        /* \w of Rust's regex */
bool tok_is_punctuation(uint32_t c); /* ASCII's, and P* of Unicode 9 */
bool tok_is_bert_control(uint32_t c);
bool tok_is_mark(uint32_t c);            /* Mn, Mc, Me of Unicode 9: StripAccents */
bool tok_is_nonspacing_mark(uint32_t c); /* Mn of Unicode 8: BertNormalizer */

/* Full lower-case mapping without context; 1 or 2 characters. */
size_t tok_lowercase(uint32_t c, uint32_t out[2]);

/* Whether the normalisation forms leave c alone because their tables (Unicode 9's) do not know it.
 */
bool tok_unknown_to_normalizer(uint32_t c);

#endif
