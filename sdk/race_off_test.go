//go:build !race

package sdk

// raceEnabled says that the race detector is on: it allocates on its own.
const raceEnabled = false
