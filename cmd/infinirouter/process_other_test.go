//go:build !linux

package main

import (
	"testing"
	"time"
)

// mapped is not known here.
func mapped(testing.TB) (code, memories int) { return 0, 0 }

// cpuTime is not known while a process runs here.
func cpuTime(testing.TB, int) time.Duration { return 0 }

// peakMemory is not known while a process runs here: it is left out of what is
// compared.
func peakMemory(testing.TB, int) int64 { return 0 }
