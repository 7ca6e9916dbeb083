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
		OS: runtime.GOOS + "/" + runtime.GOARCH, CPU: "unknown CPU", CPUs: runtime.NumCPU(), Go: runtime.Version(), Pinning: p.String(), Notes: []string{},
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
			e.Notes = append(e.Notes, noisy(fields[0], e.CPUs)...)
		}
	}
	return e
}

// noisy says what a reader must know of a machine that others used.
func noisy(load string, cpus int) []string {
	const quiet = 0.25 // of a CPU's time for each CPU: building the programs makes some
	x, err := strconv.ParseFloat(load, 64)
	if err != nil || x <= quiet*float64(cpus) {
		return nil
	}
	return []string{"The machine was not quiet when this run began (load average " + load + "): latencies are those of a busy machine, and only figures side by side say something."}
}
