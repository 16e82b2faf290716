// SPDX-License-Identifier: GPL-2.0-only
/* A race that isn't ours, as mm has many. */
#include "race.h"
