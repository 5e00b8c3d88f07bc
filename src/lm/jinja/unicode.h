/* UTF-8 and the character classes of Python's str, for the template engine. All text inside the
 * engine is valid UTF-8: it is checked where it enters. */
#ifndef JINJA_UNICODE_H
#define JINJA_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads the character at `text` (before `end`) into `cp`; returns its length in bytes. */
size_t jj_utf8_next(const char *text, const char *end, uint32_t *cp);
/* The length in bytes of the character that ends right before `text` + `size`. */
size_t jj_utf8_back(const char *text, size_t size);
size_t jj_utf8_put(char out[4], uint32_t cp);
size_t jj_utf8_count(const char *text, size_t size);
/* The byte offset of character `index`, which may be the text's end. */
size_t jj_utf8_offset(const char *text, size_t size, size_t index);
/* Whether the bytes are UTF-8 without surrogates; `where` gets the first bad offset. */
bool jj_utf8_valid(const char *text, size_t size, size_t *where);

bool jj_cp_space(uint32_t cp);     /* str.isspace, and what str.strip removes */
bool jj_cp_linebreak(uint32_t cp); /* where str.splitlines splits */
bool jj_cp_printable(uint32_t cp);
bool jj_cp_alpha(uint32_t cp);
bool jj_cp_decimal(uint32_t cp);
bool jj_cp_digit(uint32_t cp);
bool jj_cp_numeric(uint32_t cp);
bool jj_cp_alnum(uint32_t cp);
bool jj_cp_lower(uint32_t cp);
bool jj_cp_upper(uint32_t cp);
bool jj_cp_title(uint32_t cp);
bool jj_cp_word(uint32_t cp); /* what \w matches in Python's re */
bool jj_cp_ident_start(uint32_t cp);
bool jj_cp_ident_part(uint32_t cp);

/* Full case mappings: up to three characters, written as UTF-8 to `out`; returns the bytes. */
enum { JJ_CASE_BYTES = 12 };
size_t jj_cp_to_upper(uint32_t cp, char out[JJ_CASE_BYTES]);
size_t jj_cp_to_title(uint32_t cp, char out[JJ_CASE_BYTES]);
/* Lower case; `final` says that a capital sigma ends its word. */
size_t jj_cp_to_lower(uint32_t cp, bool final, char out[JJ_CASE_BYTES]);
size_t jj_cp_fold(uint32_t cp, char out[JJ_CASE_BYTES]);
/* Whether Unicode's rule for a word-final sigma skips the character (Case_Ignorable), or lets it
 * count as a letter (Cased). */
bool jj_cp_case_ignorable(uint32_t cp);
bool jj_cp_cased(uint32_t cp);

#endif
