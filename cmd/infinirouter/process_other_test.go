//go:build !linux

package main

import "testing"

// mappings is not known here.
func mappings(testing.TB) int { return 0 }

// peakMemory is not known while a process runs here: it is left out of what is
// compared.
func peakMemory(testing.TB, int) int64 { return 0 }
