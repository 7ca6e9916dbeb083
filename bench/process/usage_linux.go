package process

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// tick is the unit of /proc/PID/stat: USER_HZ is 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// Measure reads what process pid and its descendants use. It fails when pid does
// not exist; a descendant that ends meanwhile is left out.
func Measure(pid int) (Usage, error) {
	tree, err := treeOf(pid)
	if err != nil {
		return Usage{}, err
	}
	var sum Usage
	for _, s := range tree {
		if err := sum.add(s); err != nil && (s.pid == pid || !gone(err)) {
			return Usage{}, fmt.Errorf("process %d: %w", s.pid, err)
		}
	}
	return sum, nil
}

// ResetPeak makes PeakRSS of pid and its descendants start again from what is
// used now.
func ResetPeak(pid int) error {
	tree, err := treeOf(pid)
	if err != nil {
		return err
	}
	for _, s := range tree {
		if err := os.WriteFile(procFile(s.pid, "clear_refs"), []byte("5"), 0); err != nil && !gone(err) {
			return err
		}
	}
	return nil
}

// gone says that a process ended between two looks at it.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EINVAL)
}

func procFile(pid int, name string) string { return fmt.Sprintf("/proc/%d/%s", pid, name) }

// stat is what /proc/PID/stat says, in ticks.
type stat struct {
	pid, parent    int
	user, system   int64
	children       int64 // user and system of children that have ended
	threads, pages int64
}

// parseStat reads /proc/PID/stat. The second field is a name in parentheses that
// may hold anything, so the count starts behind its last one.
func parseStat(b []byte) (stat, error) {
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	bad := fmt.Errorf("/proc/PID/stat is %q", b)
	if open < 1 || end < open {
		return stat{}, bad
	}
	fields := bytes.Fields(b[end+1:]) // from field 3 on
	if len(fields) < 22 {
		return stat{}, bad
	}
	var err error
	number := func(field int) int64 {
		n, e := strconv.ParseInt(string(fields[field-3]), 10, 64)
		err = errors.Join(err, e)
		return n
	}
	s := stat{
		parent: int(number(4)), user: number(14), system: number(15), children: number(16) + number(17),
		threads: number(20), pages: number(24),
	}
	if s.pid, _ = strconv.Atoi(string(bytes.TrimSpace(b[:open]))); s.pid == 0 || err != nil {
		return stat{}, bad
	}
	return s, nil
}

// treeOf returns pid and its descendants, pid first.
func treeOf(pid int) ([]stat, error) {
	b, err := os.ReadFile(procFile(pid, "stat"))
	if err != nil {
		return nil, fmt.Errorf("process %d: %w", pid, err)
	}
	root, err := parseStat(b)
	if err != nil {
		return nil, err
	}
	all, err := allStats()
	if err != nil {
		return nil, err
	}
	tree := []stat{root}
	for i := 0; i < len(tree); i++ {
		for _, s := range all {
			if s.parent == tree[i].pid && !slices.ContainsFunc(tree, func(t stat) bool { return t.pid == s.pid }) {
				tree = append(tree, s)
			}
		}
	}
	return tree, nil
}

// allStats reads the stat of every process there is.
func allStats() ([]stat, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var all []stat
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		b, err := os.ReadFile(procFile(pid, "stat"))
		if err != nil {
			continue // it ended
		}
		if s, err := parseStat(b); err == nil {
			all = append(all, s)
		}
	}
	return all, nil
}

// add adds one process to the sum.
func (u *Usage) add(s stat) error {
	cpu, err := cpuClock(s.pid)
	if err != nil {
		return err
	}
	status, err := os.ReadFile(procFile(s.pid, "status"))
	if err != nil {
		return err
	}
	fds, err := os.ReadDir(procFile(s.pid, "fd"))
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	u.CPU += cpu + time.Duration(s.children)*tick
	u.User += time.Duration(s.user) * tick
	u.System += time.Duration(s.system) * tick
	u.RSS += s.pages * int64(os.Getpagesize())
	u.PeakRSS += kilobytes(status, "VmHWM:")
	u.FDs += len(fds)
	u.Threads += int(s.threads)
	u.Processes++
	return nil
}

// cpuClock reads the clock that counts a process's CPU time: /proc has it in
// ticks of 10 ms, which is too coarse for a short measurement.
func cpuClock(pid int) (time.Duration, error) {
	const schedulersOwn = 2                         // of the clocks that a process has
	clock := int32(^uint32(pid))<<3 | schedulersOwn // as clock_getcpuclockid makes it
	var ts unix.Timespec
	if err := unix.ClockGettime(clock, &ts); err != nil {
		return 0, err
	}
	return time.Duration(ts.Nano()), nil
}

// kilobytes returns a line of /proc/PID/status, in bytes; 0 if it is not there.
func kilobytes(status []byte, name string) int64 {
	_, rest, _ := bytes.Cut(status, []byte("\n"+name))
	fields := bytes.Fields(rest[:max(0, bytes.IndexByte(rest, '\n'))])
	if len(fields) == 0 {
		return 0
	}
	n, _ := strconv.ParseInt(string(fields[0]), 10, 64)
	return n << 10
}
