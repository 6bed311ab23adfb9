// SPDX-License-Identifier: GPL-2.0-only
#include <linux/fs.h>

int locked(struct address_space *mapping);

int locked(struct address_space *mapping)
{
	return rwsem_is_locked(&mapping->invalidate_lock);
}
