"""Every judge against the unaligned one."""
