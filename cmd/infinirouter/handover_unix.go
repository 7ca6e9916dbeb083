//go:build unix

package main

import (
	"os"
	"syscall"
)

// upgradeSignals ask for a new process in place of this one.
var upgradeSignals = []os.Signal{syscall.SIGUSR2}
