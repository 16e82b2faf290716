# SPDX-License-Identifier: GPL-2.0-only
"""What scripts/check is made of."""
