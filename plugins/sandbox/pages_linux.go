package sandbox

import "syscall"

// preferHuge asks for huge pages where there is room for them. That it is refused
// does no harm.
func preferHuge(b []byte) { _ = syscall.Madvise(b, syscall.MADV_HUGEPAGE) }

// populate has b's pages ready before they are touched, all at once: that is less
// work than a fault for each. Without it, before Linux 5.14, they come one by one.
func populate(b []byte) { _ = syscall.Madvise(b, madvPopulateWrite) }

// madvPopulateWrite is MADV_POPULATE_WRITE of Linux's mman-common.h.
const madvPopulateWrite = 23
