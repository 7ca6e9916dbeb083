//go:build !unix

package process

// Pause stops the process where it is, without its knowing, and Resume lets it go
// on. They fail when it has ended.
func (p *Process) Pause() error { return errNotHere }

// Resume lets a process go on that Pause has stopped.
func (p *Process) Resume() error { return errNotHere }
