package sandbox

import (
	"slices"
	"syscall"
	"testing"
	"unsafe"
)

// TestLargeGrowthIsThere: a guest that touches pages beyond smallRoom waits for
// none of them, and others are not taken before they are touched.
func TestLargeGrowthIsThere(t *testing.T) {
	m := &linearMemory{limit: 32 << 20, work: func() {}}
	defer m.Free()
	all := m.Reallocate(16 << 20)
	page := syscall.Getpagesize()
	there := make([]byte, len(all)/page)
	if _, _, err := syscall.Syscall(syscall.SYS_MINCORE, uintptr(unsafe.Pointer(&all[0])), uintptr(len(all)), uintptr(unsafe.Pointer(&there[0]))); err != 0 {
		t.Fatal(err)
	}
	small, large := there[:smallRoom/page], there[smallRoom/page:]
	if slices.Contains(large, 0) {
		t.Error("a page beyond smallRoom is not there")
	}
	if slices.Contains(small, 1) {
		t.Error("a page within smallRoom is there already")
	}
}
