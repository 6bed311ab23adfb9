/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TESTS_KSM_H
#define TESTS_KSM_H

#include "common.h"

/* Is there KSM? */
bool ksm_exists(void);
/* Merge what is equal in an area; false if nothing was within a while. */
bool ksm_merge(struct area a);
/* Merge what becomes equal from now on, too, until ksm_off(). */
void ksm_go_on(void);
/* A fixture: stop, and unmerge all. */
void ksm_off(void);

#endif /* TESTS_KSM_H */
