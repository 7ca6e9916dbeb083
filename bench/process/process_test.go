//go:build linux

package process

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// roles are what this test binary does when it is started as a child.
var roles = map[string]func(){
	"burn":   func() { burn(); say("burnt"); time.Sleep(time.Hour) },
	"hold":   hold,
	"parent": parent,
	"deaf":   func() { signal.Ignore(syscall.SIGTERM); say("ready"); time.Sleep(time.Hour) },
	"wait":   func() { say("ready"); time.Sleep(time.Hour) },
	"fail":   func() { fmt.Fprint(os.Stderr, "no such luck"); os.Exit(3) },
	"cpus": func() {
		cpus, err := AllowedCPUs()
		say(fmt.Sprint("cpus ", cpus, " ", runtime.GOMAXPROCS(0), " ", err))
	},
}

const roleName = "BENCH_PROCESS_ROLE"

func TestMain(m *testing.M) {
	if role := roles[os.Getenv(roleName)]; role != nil {
		role()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func say(text string) { fmt.Println(text) }

// burnt is the CPU time that "burn" uses by its own account.
const burnt = 300 * time.Millisecond

func burn() {
	for {
		var use unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_SELF, &use); err != nil {
			panic(err)
		}
		if time.Duration(use.Utime.Nano()+use.Stime.Nano()) >= burnt {
			return
		}
	}
}

const (
	heldBytes = 64 << 20
	heldFiles = 50
)

// hold uses memory and files, gives the memory back when it is told to, and says so.
func hold() {
	memory, err := unix.Mmap(-1, 0, heldBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		panic(err)
	}
	for i := range memory {
		memory[i] = 1
	}
	var files []*os.File
	for range heldFiles {
		f, err := os.Open(os.DevNull)
		if err != nil {
			panic(err)
		}
		files = append(files, f)
	}
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGUSR1)
	say("held")
	<-told
	if err := unix.Munmap(memory); err != nil {
		panic(err)
	}
	say("released")
	<-told
	runtime.KeepAlive(files)
}

// parent starts a child, says its number, and stays.
func parent() {
	c, err := Start(command(os.Getenv("BENCH_PROCESS_CHILD")))
	if err != nil {
		panic(err)
	}
	if _, err := c.Await(context.Background(), regexp.MustCompile("^(burnt|ready)$")); err != nil {
		panic(err)
	}
	say("child " + strconv.Itoa(c.PID()))
	time.Sleep(time.Hour)
}

func command(role string, env ...string) Command {
	return Command{Path: "/proc/self/exe", Env: append(env, roleName+"="+role)}
}

// start runs a role and waits for the line that it says.
func start(t *testing.T, c Command, line string) (*Process, []string) {
	t.Helper()
	p, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	said, err := p.Await(t.Context(), regexp.MustCompile(line))
	if err != nil {
		t.Fatal(err)
	}
	return p, said
}

func TestCPUIsCounted(t *testing.T) {
	t.Parallel()
	p, _ := start(t, command("burn"), "^burnt$")
	checkBurnt(t, p.PID(), burnt, 1)
}

func TestCPUOfChildrenIsCounted(t *testing.T) {
	t.Parallel()
	p, _ := start(t, command("parent", "BENCH_PROCESS_CHILD=burn"), "^child ")
	checkBurnt(t, p.PID(), burnt, 2)
}

func checkBurnt(t *testing.T, pid int, want time.Duration, processes int) {
	t.Helper()
	u, err := Measure(pid)
	if err != nil {
		t.Fatal(err)
	}
	// Its own account ran until it said so; starting and saying so is not in want.
	if u.CPU < want || u.CPU > 3*want {
		t.Errorf("%v of CPU time, want a little over %v", u.CPU, want)
	}
	if sum := u.User + u.System; sum < u.CPU-4*tick || sum > u.CPU+4*tick {
		t.Errorf("user %v and system %v are not %v", u.User, u.System, u.CPU)
	}
	if u.Processes != processes || u.Threads < processes {
		t.Errorf("%d processes, %d threads", u.Processes, u.Threads)
	}
}

func TestMemoryAndFilesAreCounted(t *testing.T) {
	t.Parallel()
	p, _ := start(t, command("hold"), "^held$")
	held := measure(t, p.PID())
	if held.RSS < heldBytes || held.RSS > 3*heldBytes || held.PeakRSS < heldBytes {
		t.Errorf("RSS %d, peak %d, holding %d", held.RSS, held.PeakRSS, heldBytes)
	}
	if held.FDs < heldFiles || held.FDs > heldFiles+20 {
		t.Errorf("%d files, holding %d", held.FDs, heldFiles)
	}
	if err := p.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Await(t.Context(), regexp.MustCompile("^released$")); err != nil {
		t.Fatal(err)
	}
	if now := measure(t, p.PID()); now.RSS > held.RSS-heldBytes/2 || now.PeakRSS < heldBytes {
		t.Errorf("RSS %d, peak %d, after releasing %d", now.RSS, now.PeakRSS, heldBytes)
	}
	if err := ResetPeak(p.PID()); err != nil {
		t.Fatal(err)
	}
	if now := measure(t, p.PID()); now.PeakRSS > held.RSS-heldBytes/2 {
		t.Errorf("peak %d after its reset", now.PeakRSS)
	}
}

func measure(t *testing.T, pid int) Usage {
	t.Helper()
	u, err := Measure(pid)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestNothingOutlivesItsStarter kills a process that has started another.
func TestNothingOutlivesItsStarter(t *testing.T) {
	t.Parallel()
	for _, child := range []string{"wait", "deaf"} {
		p, said := start(t, command("parent", "BENCH_PROCESS_CHILD="+child), `^child (\d+)$`)
		pid, _ := strconv.Atoi(said[1])
		if err := p.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		<-p.Ended()
		for running(pid) {
			time.Sleep(time.Millisecond)
		}
	}
}

// running says whether a process runs; one that has ended may not have been
// waited for yet.
func running(pid int) bool {
	b, err := os.ReadFile(procFile(pid, "stat"))
	return err == nil && !bytes.HasPrefix(b[bytes.LastIndexByte(b, ')')+1:], []byte(" Z"))
}

func TestStop(t *testing.T) {
	t.Parallel()
	willing, _ := start(t, command("wait"), "^ready$")
	willing.Stop(time.Hour)
	willing.Stop(time.Hour) // again
	deaf, _ := start(t, command("deaf"), "^ready$")
	deaf.Stop(time.Millisecond)
	for _, p := range []*Process{willing, deaf} {
		if running(p.PID()) {
			t.Errorf("process %d runs", p.PID())
		}
		if _, err := Measure(p.PID()); err == nil {
			t.Error("a process that has ended was measured")
		}
	}
}

func TestFailureTellsWhatWasSaid(t *testing.T) {
	t.Parallel()
	p, err := Start(command("fail"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Await(t.Context(), regexp.MustCompile("^ready$"))
	if err == nil || !strings.Contains(err.Error(), "exit status 3\nno such luck") {
		t.Errorf("error %v", err)
	}
	if _, err := Start(Command{Path: "/no/such/program"}); err == nil {
		t.Error("a program that is not there has started")
	}
}

func TestCPUsAreGiven(t *testing.T) {
	t.Parallel()
	cpus, err := AllowedCPUs()
	if err != nil {
		t.Fatal(err)
	}
	last := cpus[len(cpus)-1:]
	c := command("cpus")
	c.CPUs = last
	start(t, c, regexp.QuoteMeta(fmt.Sprint("cpus ", last, " 1 ", nil)))
	start(t, command("cpus"), regexp.QuoteMeta(fmt.Sprint("cpus ", cpus, " ", runtime.GOMAXPROCS(0))))
}

func TestOutputKeepsTheLatest(t *testing.T) {
	o := newOutput()
	for i := range keptLines + 10 {
		fmt.Fprintf(o, "line %d\nhal", i)
		fmt.Fprint(o, "f ")
	}
	lines, more := o.from(keptLines + 5)
	if len(lines) != 5 || lines[4] != fmt.Sprintf("half line %d", keptLines+9) {
		t.Errorf("%q", lines)
	}
	if all, _ := o.from(0); len(all) != keptLines {
		t.Errorf("%d lines are kept", len(all))
	}
	o.close()
	<-more
	if !strings.HasSuffix(o.String(), "\nhalf ") {
		t.Errorf("the last line is not in %q", o.String()[len(o.String())-30:])
	}
	long := newOutput()
	fmt.Fprint(long, strings.Repeat("x", 3*maxLine))
	if lines, _ := long.from(0); len(lines) != 1 {
		t.Errorf("a line without an end became %d", len(lines))
	}
}

func TestParseStat(t *testing.T) {
	const good = "7 (a ) b) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 3 4 20 0 9 0 5 1000 12 1"
	got, err := parseStat([]byte(good))
	if want := (stat{pid: 7, parent: 1, user: 250, system: 50, children: 7, threads: 9, pages: 12}); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{"", "7 (a", "7 (a) S 1", strings.Replace(good, "250", "x", 1), strings.Replace(good, "7 (", "y (", 1)} {
		if _, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q is fine", bad)
		}
	}
}
