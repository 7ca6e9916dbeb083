//go:build !unix

package selfcheck

func (u *run) costs() error { return nil }
func (u *run) floor() error { return nil }
