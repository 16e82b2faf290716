#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
exec ./selftests --timeout "${USERFAULT_TEST_SECONDS:-30}" --backend native "~[alone]~[.]"
