// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "protections.h"

const int prots[PROTS] = { PROT_READ, PROT_NONE, PROT_READ | PROT_EXEC, RW | PROT_EXEC };

void protect(struct area a, int prot)
{
	must(mprotect(a.p, a.pages * PAGE, prot));
}

void exact_while_protection_changes(struct wptrack *w, struct area a, int prot, bool settles)
{
	struct marks *m = marks_new(a.pages);
	int round;

	for (round = 0; round < 3; round++) {
		marks_none(m);
		touch_random(a, m, 9);
		protect(a, prot);
		expect_exact(w, a, m, GET);
		if (round == 1)
			protect(area_sub(a, 300, 400), PROT_NONE);
		protect(a, RW);
		expect_exact(w, a, m, GET);
		touch_random(a, m, 9);
		expect_exact(w, a, m, RESET);
		if (settles)
			settle(w, a);
		expect_clean(w, a);
	}
	/* Nobody has written since, whatever was asked meanwhile. */
	for (round = 0; round < PROTS; round++) {
		protect(a, prots[round]);
		expect_clean(w, a);
	}
	protect(a, RW);
	expect_clean(w, a);
}
