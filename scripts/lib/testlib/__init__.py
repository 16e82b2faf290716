# SPDX-License-Identifier: GPL-2.0-only
"""What scripts/selftests and the tests of the runner share."""
