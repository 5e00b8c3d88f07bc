# clang-format and clang-tidy over each file that git tracks, as .clang-format and .clang-tidy say. A
# file that passed has a stamp in $(BUILD) and is looked at again only after it, a header that it
# includes, or the rules have changed. `make lint` calls this; it changes nothing.
SHELL := /bin/bash
BUILD ?= build-lint

# Kernels are left out of clang-tidy: they are macros over macros, of which it makes nothing.
TIDY := $(shell git ls-files 'src/*.c' 'cli/*.c' 'examples/*.c' 'fuzz/*.c' 'models/*.c' | \
          grep -v '^src/kernels/[^/]*$$')
FORMAT := $(shell git ls-files '*.c' '*.h')
FLAGS = -std=gnu11 -D_GNU_SOURCE -DMX_VERSION='""' -DMX_HAS_baseline=1 -Isrc -Iinclude -Icli \
        -Wall -Wextra -Wno-initializer-overrides

.DELETE_ON_ERROR:
.PHONY: all
all: $(TIDY:%=$(BUILD)/%.tidy) $(FORMAT:%=$(BUILD)/%.format)

# Quiet leaves a count of what headers of the system would have said.
$(BUILD)/%.tidy: % .clang-tidy cmake/lint.mk
	@mkdir -p $(@D)
	@clang-tidy --quiet $< -- $(FLAGS) 2> >(grep -v 'warnings\? generated' >&2)
	@clang -MM -MP -MT $@ -MF $(@:.tidy=.d) $(FLAGS) $<
	@touch $@

$(BUILD)/%.format: % .clang-format
	@mkdir -p $(@D)
	@clang-format --dry-run --Werror $<
	@touch $@

-include $(TIDY:%=$(BUILD)/%.d)
