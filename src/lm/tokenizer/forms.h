/* The Unicode normalisation forms (UAX #15), with the tables of Unicode 9 as tokenizers has them.
 */
#ifndef LM_TOKENIZER_FORMS_H
#define LM_TOKENIZER_FORMS_H

#include "base/str.h"

#include <stdbool.h>

typedef enum { TOK_NFC, TOK_NFD, TOK_NFKC, TOK_NFKD } tok_form;

/* Whether the text (valid UTF-8) is certainly in the form already; quick, may say no wrongly. */
bool tok_form_holds(tok_form form, const char *text, size_t size);

/* Appends the text in that form. */
void tok_form_apply(tok_form form, const char *text, size_t size, mx_str *out);

#endif
