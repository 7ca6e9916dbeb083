package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// mappings is how many stretches of memory this process has mapped.
func mappings(t testing.TB) int {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(maps), "\n")
}

// peakMemory is the most memory that a process has had, in bytes. What wait4
// tells of it is no use: there the parent's is the least.
func peakMemory(t testing.TB, pid int) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ := strings.Cut(string(status), "VmHWM:")
	var kib int64
	if _, err := fmt.Sscan(line, &kib); err != nil {
		t.Fatalf("no peak in %s: %v", status, err)
	}
	return kib << 10
}
