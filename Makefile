# The two commands (`make run`, `make test`) and the chores, over CMake.
# Everything is built in $(BUILD); nothing is written outside it except by `make install`.
SHELL := /bin/bash
BUILD ?= build
TYPE  ?= Release
JOBS  ?= $(shell nproc)
SUDO  := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)
PACKAGES := $(shell grep -v '^\#' packages.txt)
MODEL ?= models/tiny
PROMPT ?= Tell me a story about a brave little fox.

.PHONY: run test build deps asan tsan lint format fuzz bench install clean

run: build
	$(BUILD)/mlx_lm generate --model $(MODEL) --prompt "$(PROMPT)" --max-tokens 200

test: build
	ctest --test-dir $(BUILD) --output-on-failure -j $(JOBS)

build: deps
	cmake -S . -B $(BUILD) -G Ninja -DCMAKE_BUILD_TYPE=$(TYPE) >/dev/null
	cmake --build $(BUILD) -j $(JOBS)

# Installs only what is missing, so that a second run needs neither network nor root.
deps:
	@missing=$$(for p in $(PACKAGES); do \
	   dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'install ok installed' || echo $$p; done); \
	 [ -z "$$missing" ] || { $(SUDO) apt-get update -qq && \
	   DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends $$missing; }

asan:
	$(MAKE) test BUILD=build-asan TYPE=Asan

tsan:
	$(MAKE) test BUILD=build-tsan TYPE=Tsan

clean:
	rm -rf build build-asan build-tsan build-fuzz
