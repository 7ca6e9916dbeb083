package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/infinirouter/infinirouter/plugins"
)

// mapped is what this process has mapped for guests: bytes of compiled code, and
// memories of instances with the default limit and one page in use. What Go maps
// for itself comes and goes as it likes and is left out.
func mapped(t testing.TB) (code, memories int) {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	unused := uint64(plugins.DefaultLimits().Memory) - 64<<10
	for line := range strings.Lines(string(maps)) {
		var from, to, inode uint64
		var mode, offset, device string
		if _, err := fmt.Sscanf(line, "%x-%x %s %s %s %d", &from, &to, &mode, &offset, &device, &inode); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		switch {
		case mode == "r-xp" && inode == 0 && !strings.Contains(line, "["):
			code += int(to - from)
		case mode == "---p" && inode == 0 && to-from == unused:
			memories++
		}
	}
	return code, memories
}

// cpuTime is the processor time that a process has had.
func cpuTime(t testing.TB, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // from the third on
	var user, system int64
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		t.Fatalf("no processor time in %s: %v", stat, err)
	}
	return time.Duration(user+system) * (time.Second / 100) // the kernel tells it in ticks that are always a hundredth
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
