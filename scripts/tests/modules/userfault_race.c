// SPDX-License-Identifier: GPL-2.0-only
/* A race in a module whose name says that it is of this project. */
#include "race.h"
