//go:build unix && !linux

package sandbox

// preferHuge is for systems that decide by themselves.
func preferHuge([]byte) {}
