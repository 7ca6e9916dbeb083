//go:build unix

package process

import "syscall"

// Pause stops the process where it is, without its knowing, and Resume lets it go
// on. They fail when it has ended.
func (p *Process) Pause() error { return p.Signal(syscall.SIGSTOP) }

// Resume lets a process go on that Pause has stopped.
func (p *Process) Resume() error { return p.Signal(syscall.SIGCONT) }
