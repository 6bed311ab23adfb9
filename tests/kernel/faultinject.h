/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of the suite faultinject. */
#ifndef TESTS_FAULTINJECT_H
#define TESTS_FAULTINJECT_H

#include "inject.h"
#include "maps.h"

/* More failures would be something that tries again for ever. */
#define MOST	3000

void faultinject_fork(Suite *s);
void faultinject_scan(Suite *s);

#endif /* TESTS_FAULTINJECT_H */
