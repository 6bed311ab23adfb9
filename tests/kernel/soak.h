/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The soak: processes whose threads write to their memory while the kernel is made to
 * move it about, and a tracker on each of them that may not miss a write.
 *
 * Every page begins with the number of writes to it.  A writer announces a write in
 * memory that it shares with the tracker once the number is in the page.  What was
 * announced before a scan began must then be known to the tracker when it has copied
 * the pages that this scan has reported: a write that is lost is seen at once.
 */
#ifndef TESTS_SOAK_H
#define TESTS_SOAK_H

#include "common.h"
#include "maps.h"

#define SOAK_TARGETS	2	/* processes at a time */
#define SOAK_WRITERS	2	/* threads of each that write */
#define SOAK_EVENTS	2	/* and that make events, which overlap */
#define SOAK_HISTORY	16	/* what is kept of each page */

enum soak_what { SOAK_NOTHING, SOAK_WRITE, SOAK_REPORT, SOAK_EVENT };

struct soak_entry {
	uint32_t what;
	uint32_t event;		/* which, of soak_event_name() */
	uint64_t number;	/* of the write, or what the tracker found */
	uint64_t when;		/* ns */
};

struct soak_page {
	uint64_t written;	/* announced by the writer */
	uint64_t next;		/* entry of the history */
	struct soak_entry history[SOAK_HISTORY];
};

/* Shared by a target and its tracker; not tracked. */
struct soak_world {
	bool stop;
	bool ready;		/* the memory is there */
	uint64_t writes;
	uint64_t events;
	struct area a;		/* all of the target's tracked memory */
	struct soak_page page[];
};

/*
 * Pages of each of four kinds of memory, together as much as one page table maps: what
 * is all known needs no walk, and then only the fault hook tells of a write.
 */
#define SOAK_AREA	(PMD_PAGES / 4)

/* In the target: until the world is to stop. */
void soak_target(struct soak_world *world, uint64_t seed);
/* How many pages the memory of a target has. */
size_t soak_pages(void);
const char *soak_event_name(unsigned int event);
void soak_note(struct soak_page *p, enum soak_what what, unsigned int event,
	       uint64_t number);

#endif /* TESTS_SOAK_H */
