package process

import (
	"os/exec"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// starter runs functions on one thread that never ends. The kernel ends a child
// when the thread that started it does, not when the process does, and a child
// inherits its starter's CPUs.
var starter = sync.OnceValue(func() chan<- func() {
	jobs := make(chan func())
	go func() {
		runtime.LockOSThread()
		for job := range jobs {
			job()
		}
	}()
	return jobs
})

// spawn starts cmd in a group of its own, on c's CPUs, bound to the caller's life.
func spawn(cmd *exec.Cmd, c Command) error {
	orphaned := c.Orphaned
	if orphaned == 0 {
		orphaned = syscall.SIGKILL
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: orphaned}
	done := make(chan error)
	starter() <- func() { done <- onCPUs(c.CPUs, cmd.Start) }
	return <-done
}

// onCPUs runs start on a locked thread that has those CPUs alone.
func onCPUs(cpus []int, start func() error) error {
	if len(cpus) == 0 {
		return start()
	}
	var before, set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return err
	}
	for _, n := range cpus {
		set.Set(n)
	}
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return err
	}
	err := start()
	if back := unix.SchedSetaffinity(0, &before); err == nil {
		err = back
	}
	return err
}

// awaitEnd waits until pid has ended and leaves it to be waited for, so that its
// number cannot be another's yet.
func awaitEnd(pid int) {
	for {
		if err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != unix.EINTR {
			return
		}
	}
}

// killGroup ends every process of a group. The leader must not have been waited
// for.
func killGroup(leader int) { _ = unix.Kill(-leader, unix.SIGKILL) }

// AllowedCPUs returns the numbers of the CPUs that the caller may run on.
func AllowedCPUs() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, err
	}
	var cpus []int
	for n := 0; len(cpus) < set.Count(); n++ {
		if set.IsSet(n) {
			cpus = append(cpus, n)
		}
	}
	return cpus, nil
}

// RunOn restarts the calling program on those CPUs alone, for its whole life: Go
// looks at them once, at start. It returns only when that failed.
func RunOn(cpus []int, path string, args, env []string) error {
	runtime.LockOSThread() // exec keeps the CPUs of the thread that calls it
	defer runtime.UnlockOSThread()
	return onCPUs(cpus, func() error { return unix.Exec(path, args, env) })
}
