package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"
)

// program returns the program as users have it, built once: what a process
// costs is measured on it, and not on a test with a race detector in it.
func program(t testing.TB) string {
	t.Helper()
	builtProgram.once.Do(func() {
		dir, err := os.MkdirTemp("", "infinirouter-program-")
		if err != nil {
			builtProgram.err = err
			return
		}
		builtProgram.dir = dir
		cmd := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(dir, "infinirouter"), ".")
		if said, err := cmd.CombinedOutput(); err != nil {
			builtProgram.err = fmt.Errorf("go build: %w\n%s", err, said)
		}
	})
	if builtProgram.err != nil {
		t.Fatal(builtProgram.err)
	}
	return filepath.Join(builtProgram.dir, "infinirouter")
}

var builtProgram struct {
	once sync.Once
	dir  string
	err  error
}

// process is a router that is a process of its own.
type process struct {
	url    string
	config string
	log    *syncBuffer
	cmd    *exec.Cmd
	ended  chan error
}

var servingAt = regexp.MustCompile(`msg=serving address=(\S+)`)

// startProcess serves router.toml, whose server.listen should be 127.0.0.1:0,
// until end or the test's.
func startProcess(t testing.TB, toml string, env ...string) *process {
	t.Helper()
	return startProcessAs(t, toml, func(p *process) { p.cmd.Env = append(os.Environ(), env...) })
}

// startProcessAs is startProcess with the command changed before it runs.
func startProcessAs(t testing.TB, toml string, change func(*process)) *process {
	t.Helper()
	p := &process{config: filepath.Join(t.TempDir(), "router.toml"), log: &syncBuffer{}, ended: make(chan error, 1)}
	if err := os.WriteFile(p.config, []byte(toml), 0o600); err != nil {
		t.Fatal(err)
	}
	p.cmd = exec.CommandContext(context.Background(), program(t), "serve", "--config", p.config)
	p.cmd.Stderr = p.log
	change(p)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.cmd.Wait() }()
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Kill()
			<-p.ended
		}
		if t.Failed() {
			t.Logf("the router's log:\n%.20000s", p.log.String())
		}
	})
	for {
		if m := servingAt.FindStringSubmatch(p.log.String()); m != nil {
			p.url = "http://" + m[1]
			return p
		}
		select {
		case err := <-p.ended:
			p.ended <- err
			t.Fatalf("serve ended: %v\n%s", err, p.log.String())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// usage is what a process took of the machine.
type usage struct {
	cpu    time.Duration
	memory int64 // bytes, at its peak
}

// end stops the router as an operator does and returns what it took.
func (p *process) end(t testing.TB) usage {
	t.Helper()
	u := usage{memory: peakMemory(t, p.cmd.Process.Pid)}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-p.ended; err != nil {
		t.Fatalf("serve: %v", err)
	}
	u.cpu = p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
	return u
}
