package process

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"syscall"
	"time"
)

// Command is a program to run.
type Command struct {
	Path string
	Args []string // without the program's name
	Env  []string // beside the caller's own; later ones win
	Dir  string   // "": the caller's
	// CPUs that it may run on, by number; none: all that the caller may use.
	CPUs []int
	// Orphaned is the signal that the program gets when the caller dies. 0 means
	// SIGKILL; a server with worker processes wants SIGTERM, which it hands down.
	Orphaned syscall.Signal
}

// Process is a running program, or one that has ended. Its methods may be called
// from several goroutines.
type Process struct {
	cmd    *exec.Cmd
	output *output
	ended  chan struct{}
	err    error // how it ended, once ended is closed
}

// Start runs c. The caller must call Stop.
func Start(c Command) (*Process, error) {
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Dir = c.Dir
	cmd.Env = append(cmd.Environ(), c.Env...)
	p := &Process{cmd: cmd, output: newOutput(), ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.output, p.output
	cmd.WaitDelay = time.Second // a stray child may hold the pipe
	if err := spawn(cmd, c); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Path, err)
	}
	go func() {
		defer close(p.ended)
		awaitEnd(cmd.Process.Pid)
		killGroup(cmd.Process.Pid) // children that it left
		p.err = cmd.Wait()
		p.output.close()
	}()
	return p, nil
}

// PID is the number of the process, which is also that of its group.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Ended is closed when the process and its group have ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Output returns the last lines that the program wrote, to either output.
func (p *Process) Output() string { return p.output.String() }

// Await waits for a line of output that matches and returns what its groups
// matched, the whole match first. It fails when the program ends before, with all
// that it said, and when ctx ends.
func (p *Process) Await(ctx context.Context, line *regexp.Regexp) ([]string, error) {
	for seen := 0; ; {
		lines, more := p.output.from(seen)
		for _, text := range lines {
			if m := line.FindStringSubmatch(text); m != nil {
				return m, nil
			}
		}
		seen += len(lines)
		select {
		case <-more:
		case <-p.ended:
			if lines, _ := p.output.from(seen); len(lines) > 0 {
				continue
			}
			return nil, p.Failure()
		case <-ctx.Done():
			return nil, fmt.Errorf("%s: no line like %q: %w\n%s", p.cmd.Path, line, ctx.Err(), p.Output())
		}
	}
}

// Failure describes a process that has ended although it should not have.
func (p *Process) Failure() error {
	<-p.ended
	err := p.err
	if err == nil {
		err = errors.New("exit status 0")
	}
	return fmt.Errorf("%s ended: %w\n%s", p.cmd.Path, err, p.Output())
}

// Signal sends a signal to the process alone.
func (p *Process) Signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

// Kill ends the process and its group at once.
func (p *Process) Kill() {
	select {
	case <-p.ended:
	default:
		killGroup(p.PID())
		<-p.ended
	}
}

// Stop asks the process to end, and kills its group when it has not after grace.
// It may be called more than once.
func (p *Process) Stop(grace time.Duration) {
	select {
	case <-p.ended:
		return
	default:
	}
	_ = p.Signal(syscall.SIGTERM) // one that has just ended is fine
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.ended:
	case <-timer.C:
		p.Kill()
	}
}
