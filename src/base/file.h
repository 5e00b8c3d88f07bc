/* Whole files: read at once, and written so that they appear whole or not at all. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/str.h"

#include <stdbool.h>
#include <stdio.h>

/* The file's bytes into `out` (emptied first). False after mx_fail. */
bool mx_file_read(const char *path, mx_str *out);

/* A file being written beside its final place. */
typedef struct mx_file_writer {
  FILE *file;
  char *path, *temporary;
} mx_file_writer;

/* False after mx_fail. */
bool mx_file_begin(mx_file_writer *w, const char *path);
/* Writes; a failure is told by mx_file_commit. */
bool mx_file_write(mx_file_writer *w, const void *bytes, size_t count);
/* Flushes to the disk and renames into place; on failure nothing is left behind. False after
 * mx_fail. */
bool mx_file_commit(mx_file_writer *w);
/* Gives up and removes the temporary file. */
void mx_file_abort(mx_file_writer *w);
/* begin, write, commit. */
bool mx_file_save(const char *path, const void *bytes, size_t count);

#endif
