//go:build !linux

package sandbox

// preferHuge is for systems that decide by themselves.
func preferHuge([]byte) {}

// populate is for systems that are asked for pages by touching them.
func populate([]byte) {}
