package sandbox

import "syscall"

// preferHuge asks for huge pages where there is room for them. That it is refused
// does no harm.
func preferHuge(b []byte) { _ = syscall.Madvise(b, syscall.MADV_HUGEPAGE) }
