package suite

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/infinirouter/infinirouter/bench/report"
)

// environment looks at the machine. What a system does not tell is left out.
func environment(p Place) report.Environment {
	e := report.Environment{
		OS: runtime.GOOS + "/" + runtime.GOARCH, CPU: "unknown CPU", CPUs: runtime.NumCPU(), Go: runtime.Version(), Pinning: p.String(),
	}
	if b, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		e.OS = "Linux " + strings.TrimSpace(string(b)) + " " + runtime.GOARCH
	}
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		e.CPUs = bytes.Count(b, []byte("\nprocessor")) + 1
		if _, rest, ok := strings.Cut(string(b), "model name"); ok {
			line, _, _ := strings.Cut(rest, "\n")
			e.CPU = strings.TrimLeft(line, "\t :")
		}
	}
	if b, err := os.ReadFile("/proc/meminfo"); err == nil {
		if fields := strings.Fields(string(b)); len(fields) > 1 {
			kib, _ := strconv.ParseInt(fields[1], 10, 64)
			e.Memory = kib << 10
		}
	}
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		if fields := strings.Fields(string(b)); len(fields) > 2 {
			e.Load = strings.Join(fields[:3], " ")
		}
	}
	return e
}
