/* Character properties: utf8proc's tables, corrected to the versions that tokenizers uses. The
 * ranges below were found by asking tokenizers 0.22.2 about every character. */
#include "lm/tokenizer/unicode.h"

#include <utf8proc.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

const tok_recent tok_recents[] = {
    {0x897, 0x897, UTF8PROC_CATEGORY_MN},     {0xCF3, 0xCF3, UTF8PROC_CATEGORY_MC},
    {0xECE, 0xECE, UTF8PROC_CATEGORY_MN},     {0x1B4E, 0x1B4F, UTF8PROC_CATEGORY_PO},
    {0x1B7F, 0x1B7F, UTF8PROC_CATEGORY_PO},   {0x1C89, 0x1C89, UTF8PROC_CATEGORY_LU},
    {0x1C8A, 0x1C8A, UTF8PROC_CATEGORY_LL},   {0x2427, 0x2429, UTF8PROC_CATEGORY_SO},
    {0x2FFC, 0x2FFF, UTF8PROC_CATEGORY_SO},   {0x31E4, 0x31E5, UTF8PROC_CATEGORY_SO},
    {0x31EF, 0x31EF, UTF8PROC_CATEGORY_SO},   {0xA7CB, 0xA7CC, UTF8PROC_CATEGORY_LU},
    {0xA7CD, 0xA7CD, UTF8PROC_CATEGORY_LL},   {0xA7DA, 0xA7DA, UTF8PROC_CATEGORY_LU},
    {0xA7DB, 0xA7DB, UTF8PROC_CATEGORY_LL},   {0xA7DC, 0xA7DC, UTF8PROC_CATEGORY_LU},
    {0x105C0, 0x105F3, UTF8PROC_CATEGORY_LO}, {0x10D40, 0x10D49, UTF8PROC_CATEGORY_ND},
    {0x10D4A, 0x10D4D, UTF8PROC_CATEGORY_LO}, {0x10D4E, 0x10D4E, UTF8PROC_CATEGORY_LM},
    {0x10D4F, 0x10D4F, UTF8PROC_CATEGORY_LO}, {0x10D50, 0x10D65, UTF8PROC_CATEGORY_LU},
    {0x10D69, 0x10D6D, UTF8PROC_CATEGORY_MN}, {0x10D6E, 0x10D6E, UTF8PROC_CATEGORY_PD},
    {0x10D6F, 0x10D6F, UTF8PROC_CATEGORY_LM}, {0x10D70, 0x10D85, UTF8PROC_CATEGORY_LL},
    {0x10D8E, 0x10D8F, UTF8PROC_CATEGORY_SM}, {0x10EC2, 0x10EC4, UTF8PROC_CATEGORY_LO},
    {0x10EFC, 0x10EFF, UTF8PROC_CATEGORY_MN}, {0x1123F, 0x11240, UTF8PROC_CATEGORY_LO},
    {0x11241, 0x11241, UTF8PROC_CATEGORY_MN}, {0x11380, 0x11389, UTF8PROC_CATEGORY_LO},
    {0x1138B, 0x1138B, UTF8PROC_CATEGORY_LO}, {0x1138E, 0x1138E, UTF8PROC_CATEGORY_LO},
    {0x11390, 0x113B5, UTF8PROC_CATEGORY_LO}, {0x113B7, 0x113B7, UTF8PROC_CATEGORY_LO},
    {0x113B8, 0x113BA, UTF8PROC_CATEGORY_MC}, {0x113BB, 0x113C0, UTF8PROC_CATEGORY_MN},
    {0x113C2, 0x113C2, UTF8PROC_CATEGORY_MC}, {0x113C5, 0x113C5, UTF8PROC_CATEGORY_MC},
    {0x113C7, 0x113CA, UTF8PROC_CATEGORY_MC}, {0x113CC, 0x113CD, UTF8PROC_CATEGORY_MC},
    {0x113CE, 0x113CE, UTF8PROC_CATEGORY_MN}, {0x113CF, 0x113CF, UTF8PROC_CATEGORY_MC},
    {0x113D0, 0x113D0, UTF8PROC_CATEGORY_MN}, {0x113D1, 0x113D1, UTF8PROC_CATEGORY_LO},
    {0x113D2, 0x113D2, UTF8PROC_CATEGORY_MN}, {0x113D3, 0x113D3, UTF8PROC_CATEGORY_LO},
    {0x113D4, 0x113D5, UTF8PROC_CATEGORY_PO}, {0x113D7, 0x113D8, UTF8PROC_CATEGORY_PO},
    {0x113E1, 0x113E2, UTF8PROC_CATEGORY_MN}, {0x116D0, 0x116E3, UTF8PROC_CATEGORY_ND},
    {0x1171E, 0x1171E, UTF8PROC_CATEGORY_MC}, {0x11B00, 0x11B09, UTF8PROC_CATEGORY_PO},
    {0x11BC0, 0x11BE0, UTF8PROC_CATEGORY_LO}, {0x11BE1, 0x11BE1, UTF8PROC_CATEGORY_PO},
    {0x11BF0, 0x11BF9, UTF8PROC_CATEGORY_ND}, {0x11F00, 0x11F01, UTF8PROC_CATEGORY_MN},
    {0x11F02, 0x11F02, UTF8PROC_CATEGORY_LO}, {0x11F03, 0x11F03, UTF8PROC_CATEGORY_MC},
    {0x11F04, 0x11F10, UTF8PROC_CATEGORY_LO}, {0x11F12, 0x11F33, UTF8PROC_CATEGORY_LO},
    {0x11F34, 0x11F35, UTF8PROC_CATEGORY_MC}, {0x11F36, 0x11F3A, UTF8PROC_CATEGORY_MN},
    {0x11F3E, 0x11F3F, UTF8PROC_CATEGORY_MC}, {0x11F40, 0x11F40, UTF8PROC_CATEGORY_MN},
    {0x11F41, 0x11F41, UTF8PROC_CATEGORY_MC}, {0x11F42, 0x11F42, UTF8PROC_CATEGORY_MN},
    {0x11F43, 0x11F4F, UTF8PROC_CATEGORY_PO}, {0x11F50, 0x11F59, UTF8PROC_CATEGORY_ND},
    {0x11F5A, 0x11F5A, UTF8PROC_CATEGORY_MN}, {0x1342F, 0x1342F, UTF8PROC_CATEGORY_LO},
    {0x13439, 0x1343F, UTF8PROC_CATEGORY_CF}, {0x13440, 0x13440, UTF8PROC_CATEGORY_MN},
    {0x13441, 0x13446, UTF8PROC_CATEGORY_LO}, {0x13447, 0x13455, UTF8PROC_CATEGORY_MN},
    {0x13460, 0x143FA, UTF8PROC_CATEGORY_LO}, {0x16100, 0x1611D, UTF8PROC_CATEGORY_LO},
    {0x1611E, 0x16129, UTF8PROC_CATEGORY_MN}, {0x1612A, 0x1612C, UTF8PROC_CATEGORY_MC},
    {0x1612D, 0x1612F, UTF8PROC_CATEGORY_MN}, {0x16130, 0x16139, UTF8PROC_CATEGORY_ND},
    {0x16D40, 0x16D42, UTF8PROC_CATEGORY_LM}, {0x16D43, 0x16D6A, UTF8PROC_CATEGORY_LO},
    {0x16D6B, 0x16D6C, UTF8PROC_CATEGORY_LM}, {0x16D6D, 0x16D6F, UTF8PROC_CATEGORY_PO},
    {0x16D70, 0x16D79, UTF8PROC_CATEGORY_ND}, {0x18CFF, 0x18CFF, UTF8PROC_CATEGORY_LO},
    {0x1B132, 0x1B132, UTF8PROC_CATEGORY_LO}, {0x1B155, 0x1B155, UTF8PROC_CATEGORY_LO},
    {0x1CC00, 0x1CCEF, UTF8PROC_CATEGORY_SO}, {0x1CCF0, 0x1CCF9, UTF8PROC_CATEGORY_ND},
    {0x1CD00, 0x1CEB3, UTF8PROC_CATEGORY_SO}, {0x1D2C0, 0x1D2D3, UTF8PROC_CATEGORY_NO},
    {0x1DF25, 0x1DF2A, UTF8PROC_CATEGORY_LL}, {0x1E030, 0x1E06D, UTF8PROC_CATEGORY_LM},
    {0x1E08F, 0x1E08F, UTF8PROC_CATEGORY_MN}, {0x1E4D0, 0x1E4EA, UTF8PROC_CATEGORY_LO},
    {0x1E4EB, 0x1E4EB, UTF8PROC_CATEGORY_LM}, {0x1E4EC, 0x1E4EF, UTF8PROC_CATEGORY_MN},
    {0x1E4F0, 0x1E4F9, UTF8PROC_CATEGORY_ND}, {0x1E5D0, 0x1E5ED, UTF8PROC_CATEGORY_LO},
    {0x1E5EE, 0x1E5EF, UTF8PROC_CATEGORY_MN}, {0x1E5F0, 0x1E5F0, UTF8PROC_CATEGORY_LO},
    {0x1E5F1, 0x1E5FA, UTF8PROC_CATEGORY_ND}, {0x1E5FF, 0x1E5FF, UTF8PROC_CATEGORY_PO},
    {0x1F6DC, 0x1F6DC, UTF8PROC_CATEGORY_SO}, {0x1F774, 0x1F776, UTF8PROC_CATEGORY_SO},
    {0x1F77B, 0x1F77F, UTF8PROC_CATEGORY_SO}, {0x1F7D9, 0x1F7D9, UTF8PROC_CATEGORY_SO},
    {0x1F8B2, 0x1F8BB, UTF8PROC_CATEGORY_SO}, {0x1F8C0, 0x1F8C1, UTF8PROC_CATEGORY_SO},
    {0x1FA75, 0x1FA77, UTF8PROC_CATEGORY_SO}, {0x1FA87, 0x1FA89, UTF8PROC_CATEGORY_SO},
    {0x1FA8F, 0x1FA8F, UTF8PROC_CATEGORY_SO}, {0x1FAAD, 0x1FAAF, UTF8PROC_CATEGORY_SO},
    {0x1FABB, 0x1FABF, UTF8PROC_CATEGORY_SO}, {0x1FAC6, 0x1FAC6, UTF8PROC_CATEGORY_SO},
    {0x1FACE, 0x1FACF, UTF8PROC_CATEGORY_SO}, {0x1FADA, 0x1FADC, UTF8PROC_CATEGORY_SO},
    {0x1FADF, 0x1FADF, UTF8PROC_CATEGORY_SO}, {0x1FAE8, 0x1FAE9, UTF8PROC_CATEGORY_SO},
    {0x1FAF7, 0x1FAF8, UTF8PROC_CATEGORY_SO}, {0x1FBCB, 0x1FBEF, UTF8PROC_CATEGORY_SO},
    {0x2B739, 0x2B739, UTF8PROC_CATEGORY_LO}, {0x2EBF0, 0x2EE5D, UTF8PROC_CATEGORY_LO},
    {0x31350, 0x323AF, UTF8PROC_CATEGORY_LO}};
const size_t tok_recent_count = COUNT(tok_recents);

/* Punctuation or ASCII symbols now, but not in the tables behind Punctuation and BertPreTokenizer.
 */
static const tok_range late_punctuation[] = {
    {0x61D, 0x61D},     {0x9FD, 0x9FD},     {0xA76, 0xA76},     {0xC77, 0xC77},
    {0xC84, 0xC84},     {0x1B7D, 0x1B7E},   {0x2E43, 0x2E4F},   {0x2E52, 0x2E5D},
    {0x10EAD, 0x10EAD}, {0x10F55, 0x10F59}, {0x10F86, 0x10F89}, {0x1144B, 0x1144F},
    {0x1145A, 0x1145D}, {0x11660, 0x1166C}, {0x116B9, 0x116B9}, {0x1183B, 0x1183B},
    {0x11944, 0x11946}, {0x119E2, 0x119E2}, {0x11A3F, 0x11A46}, {0x11A9A, 0x11A9C},
    {0x11A9E, 0x11AA2}, {0x11C41, 0x11C45}, {0x11C70, 0x11C71}, {0x11EF7, 0x11EF8},
    {0x11FFF, 0x11FFF}, {0x12FF1, 0x12FF2}, {0x16E97, 0x16E9A}, {0x16FE2, 0x16FE2},
    {0x1E95E, 0x1E95F}};

/* Marks now, but not for StripAccents. */
static const tok_range late_marks[] = {
    {0x7FD, 0x7FD},     {0x898, 0x89F},     {0x8CA, 0x8D3},     {0x9FE, 0x9FE},
    {0xAFA, 0xAFF},     {0xB55, 0xB55},     {0xC04, 0xC04},     {0xC3C, 0xC3C},
    {0xD00, 0xD00},     {0xD3B, 0xD3C},     {0xD81, 0xD81},     {0xEBA, 0xEBA},
    {0x1715, 0x1715},   {0x180F, 0x180F},   {0x1ABF, 0x1ACE},   {0x1CF7, 0x1CF7},
    {0x1DF6, 0x1DFA},   {0xA82C, 0xA82C},   {0xA8FF, 0xA8FF},   {0x10D24, 0x10D27},
    {0x10EAB, 0x10EAC}, {0x10F46, 0x10F50}, {0x10F82, 0x10F85}, {0x11070, 0x11070},
    {0x11073, 0x11074}, {0x110C2, 0x110C2}, {0x11145, 0x11146}, {0x111C9, 0x111C9},
    {0x111CE, 0x111CF}, {0x1133B, 0x1133B}, {0x1145E, 0x1145E}, {0x1182C, 0x1183A},
    {0x11930, 0x1193E}, {0x11940, 0x11940}, {0x11942, 0x11943}, {0x119D1, 0x119E0},
    {0x119E4, 0x119E4}, {0x11A01, 0x11A0A}, {0x11A33, 0x11A39}, {0x11A3B, 0x11A3E},
    {0x11A47, 0x11A47}, {0x11A51, 0x11A5B}, {0x11A8A, 0x11A99}, {0x11D31, 0x11D45},
    {0x11D47, 0x11D47}, {0x11D8A, 0x11D97}, {0x11EF3, 0x11EF6}, {0x16F4F, 0x16F4F},
    {0x16F7F, 0x16F87}, {0x16FE4, 0x16FF1}, {0x1CF00, 0x1CF46}, {0x1E130, 0x1E136},
    {0x1E2AE, 0x1E2AE}, {0x1E2EC, 0x1E2EF}};

/* Nonspacing marks now, but not for BertNormalizer. */
static const tok_range late_nonspacing[] = {
    {0x7FD, 0x7FD},     {0x898, 0x89F},     {0x8CA, 0x8E1},     {0x9FE, 0x9FE},
    {0xAFA, 0xAFF},     {0xB55, 0xB55},     {0xC04, 0xC04},     {0xC3C, 0xC3C},
    {0xD00, 0xD00},     {0xD3B, 0xD3C},     {0xD81, 0xD81},     {0xEBA, 0xEBA},
    {0x180F, 0x180F},   {0x1885, 0x1886},   {0x1ABF, 0x1ACE},   {0x1DF6, 0x1DFB},
    {0xA82C, 0xA82C},   {0xA8C5, 0xA8C5},   {0xA8FF, 0xA8FF},   {0xA9BD, 0xA9BD},
    {0x10D24, 0x10D27}, {0x10EAB, 0x10EAC}, {0x10F46, 0x10F50}, {0x10F82, 0x10F85},
    {0x11070, 0x11070}, {0x11073, 0x11074}, {0x110C2, 0x110C2}, {0x111C9, 0x111C9},
    {0x111CF, 0x111CF}, {0x1123E, 0x1123E}, {0x1133B, 0x1133B}, {0x11438, 0x1143F},
    {0x11442, 0x11444}, {0x11446, 0x11446}, {0x1145E, 0x1145E}, {0x1182F, 0x11837},
    {0x11839, 0x1183A}, {0x1193B, 0x1193C}, {0x1193E, 0x1193E}, {0x11943, 0x11943},
    {0x119D4, 0x119DB}, {0x119E0, 0x119E0}, {0x11A01, 0x11A0A}, {0x11A33, 0x11A38},
    {0x11A3B, 0x11A3E}, {0x11A47, 0x11A47}, {0x11A51, 0x11A56}, {0x11A59, 0x11A5B},
    {0x11A8A, 0x11A96}, {0x11A98, 0x11A99}, {0x11C30, 0x11C3D}, {0x11C3F, 0x11C3F},
    {0x11C92, 0x11CA7}, {0x11CAA, 0x11CB0}, {0x11CB2, 0x11CB3}, {0x11CB5, 0x11CB6},
    {0x11D31, 0x11D45}, {0x11D47, 0x11D47}, {0x11D90, 0x11D91}, {0x11D95, 0x11D95},
    {0x11D97, 0x11D97}, {0x11EF3, 0x11EF4}, {0x16F4F, 0x16F4F}, {0x16FE4, 0x16FE4},
    {0x1CF00, 0x1CF46}, {0x1E000, 0x1E02A}, {0x1E130, 0x1E136}, {0x1E2AE, 0x1E2AE},
    {0x1E2EC, 0x1E2EF}, {0x1E944, 0x1E94A}};

/* Have a decomposition or a combining class now, but not for NFC, NFD, NFKC and NFKD. */
static const tok_range late_decompositions[] = {
    {0x7FD, 0x7FD},     {0x898, 0x89F},     {0x8CA, 0x8D3},     {0x9FE, 0x9FE},
    {0xC3C, 0xC3C},     {0xD3B, 0xD3C},     {0xEBA, 0xEBA},     {0x1715, 0x1715},
    {0x1ABF, 0x1ACE},   {0x1DF6, 0x1DFA},   {0x32FF, 0x32FF},   {0xA7F1, 0xA7F4},
    {0xA82C, 0xA82C},   {0xAB69, 0xAB69},   {0x10781, 0x107BA}, {0x10D24, 0x10D27},
    {0x10EAB, 0x10EAC}, {0x10F46, 0x10F50}, {0x10F82, 0x10F85}, {0x11070, 0x11070},
    {0x1133B, 0x1133B}, {0x1145E, 0x1145E}, {0x11839, 0x1183A}, {0x11938, 0x11938},
    {0x1193D, 0x1193E}, {0x11943, 0x11943}, {0x119E0, 0x119E0}, {0x11A34, 0x11A34},
    {0x11A47, 0x11A47}, {0x11A99, 0x11A99}, {0x11D42, 0x11D42}, {0x11D44, 0x11D45},
    {0x11D97, 0x11D97}, {0x16FF0, 0x16FF1}, {0x1E130, 0x1E136}, {0x1E2AE, 0x1E2AE},
    {0x1E2EC, 0x1E2EF}, {0x1F16C, 0x1F16C}, {0x1FBF0, 0x1FBF9}};

bool tok_in_ranges(const tok_range *ranges, size_t count, uint32_t c) {
  size_t low = 0, high = count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (c > ranges[middle].last)
      low = middle + 1;
    else
      high = middle;
  }
  return low < count && ranges[low].first <= c;
}

static const tok_recent *recent(uint32_t c) {
  size_t low = 0, high = tok_recent_count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (c > tok_recents[middle].last)
      low = middle + 1;
    else
      high = middle;
  }
  return low < tok_recent_count && tok_recents[low].first <= c ? &tok_recents[low] : NULL;
}

int tok_category(uint32_t c) {
  const tok_recent *r = c < tok_recents[0].first ? NULL : recent(c);
  return r ? r->category : (int)utf8proc_category((utf8proc_int32_t)c);
}

bool tok_is_space(uint32_t c) {
  if (c < 0x80) return c == ' ' || (c >= '\t' && c <= '\r');
  return c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
         c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

static bool category_within(uint32_t c, int first, int last) {
  int category = tok_category(c);
  return category >= first && category <= last;
}

bool tok_is_number(uint32_t c) {
  if (c < 0x80) return c >= '0' && c <= '9';
  /* Numbers of Unicode 17, which Rust's own tables have already. */
  if ((c >= 0x11de0 && c <= 0x11de9) || (c >= 0x16ff4 && c <= 0x16ff6)) return true;
  return category_within(c, UTF8PROC_CATEGORY_ND, UTF8PROC_CATEGORY_NO);
}

bool tok_is_word(uint32_t c) {
  if (c < 0x80) return c == '_' || (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
  /* Symbols that are alphabetic, and the joiners. */
  static const tok_range others[] = {{0x200c, 0x200d},
                                     {0x24b6, 0x24e9},
                                     {0x1f130, 0x1f149},
                                     {0x1f150, 0x1f169},
                                     {0x1f170, 0x1f189}};
  int category = tok_category(c);
  return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NL) ||
         category == UTF8PROC_CATEGORY_PC || tok_in_ranges(others, COUNT(others), c);
}

bool tok_is_punctuation(uint32_t c) {
  if (c < 0x80)
    return (c > ' ' && c < '0') || (c > '9' && c < 'A') || (c > 'Z' && c < 'a') ||
           (c > 'z' && c < 0x7f);
  if (c == 0x166d || c == 0x111c9) return true; /* a symbol and a mark since */
  return category_within(c, UTF8PROC_CATEGORY_PC, UTF8PROC_CATEGORY_PO) && !recent(c) &&
         !tok_in_ranges(late_punctuation, COUNT(late_punctuation), c);
}

bool tok_is_bert_control(uint32_t c) {
  if (c == '\t' || c == '\n' || c == '\r') return false;
  if (c < 0x80) return c < ' ' || c == 0x7f;
  int category = tok_category(c);
  if (category == UTF8PROC_CATEGORY_CF)
    return !((c >= 0x890 && c <= 0x891) || c == 0x8e2 || c == 0x110cd ||
             (c >= 0x13430 && c <= 0x1343f));
  return category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CO;
}

bool tok_is_mark(uint32_t c) {
  if (c < 0x300) return false;
  if (c == 0x1cf2 || c == 0x1cf3 || c == 0x1171e) return true; /* recategorised since */
  return category_within(c, UTF8PROC_CATEGORY_MN, UTF8PROC_CATEGORY_ME) && !recent(c) &&
         !tok_in_ranges(late_marks, COUNT(late_marks), c);
}

bool tok_is_nonspacing_mark(uint32_t c) {
  if (c < 0x300) return false;
  if (c == 0x1734 || c == 0x1171e) return true; /* spacing marks since */
  return tok_category(c) == UTF8PROC_CATEGORY_MN && !recent(c) &&
         !tok_in_ranges(late_nonspacing, COUNT(late_nonspacing), c);
}

size_t tok_lowercase(uint32_t c, uint32_t out[2]) {
  static const struct {
    uint32_t first, last, lower;
  } recents[] = {{0x1c89, 0x1c89, 0x1c8a},   {0xa7cb, 0xa7cb, 0x264},  {0xa7cc, 0xa7cc, 0xa7cd},
                 {0xa7ce, 0xa7ce, 0xa7cf},   {0xa7d2, 0xa7d2, 0xa7d3}, {0xa7d4, 0xa7d4, 0xa7d5},
                 {0xa7da, 0xa7da, 0xa7db},   {0xa7dc, 0xa7dc, 0x19b},  {0x10d50, 0x10d65, 0x10d70},
                 {0x16ea0, 0x16eb8, 0x16ebb}};
  if (c < 0x80) return out[0] = c >= 'A' && c <= 'Z' ? c + 32 : c, 1;
  if (c == 0x130) return out[0] = 'i', out[1] = 0x307, 2;
  for (size_t i = 0; c >= recents[0].first && i < COUNT(recents); i++)
    if (c >= recents[i].first && c <= recents[i].last)
      return out[0] = recents[i].lower + (c - recents[i].first), 1;
  return out[0] = (uint32_t)utf8proc_tolower((utf8proc_int32_t)c), 1;
}

bool tok_unknown_to_normalizer(uint32_t c) {
  return recent(c) || tok_in_ranges(late_decompositions, COUNT(late_decompositions), c);
}
