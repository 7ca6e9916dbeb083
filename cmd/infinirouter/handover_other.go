//go:build !unix

package main

import "os"

// upgradeSignals ask for a new process in place of this one: none here.
var upgradeSignals []os.Signal
