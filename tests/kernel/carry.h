/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of the carry suite. */
#ifndef TESTS_CARRY_H
#define TESTS_CARRY_H

#include "common.h"

#include <sys/types.h>

#define PAGES	300

/* Private memory of so many pages, all of them clean. */
struct area carry_begin(struct wptrack **w);
/* It goes to swap, clean as it is. */
void carry_out(struct wptrack *w, struct area a);
/* A child that does nothing, and its end. */
pid_t sleeper(void);
void end_child(pid_t pid);

void carry_cache(Suite *s);
void carry_moved(Suite *s);
void carry_beside(Suite *s);
void carry_uffd(Suite *s);
void carry_lent(Suite *s);
void carry_protect(Suite *s);
void carry_refused(Suite *s);
void carry_foreign(Suite *s);
void carry_device(Suite *s);
void carry_rwp(Suite *s);

#endif /* TESTS_CARRY_H */
