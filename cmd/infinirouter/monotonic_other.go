//go:build !linux

package main

// monotonicMicroseconds is not there: nor is systemd.
func monotonicMicroseconds() (int64, bool) { return 0, false }
