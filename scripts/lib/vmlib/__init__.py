# SPDX-License-Identifier: GPL-2.0-only
"""What scripts/vm is made of."""


class Failure(Exception):
    """Something that cannot be done: what and why, and what to do about it."""

    def __init__(self, what, remedy):
        super().__init__(what)
        self.remedy = remedy
