//go:build race

package route

// raceEnabled: the race detector allocates, so allocations are not counted.
const raceEnabled = true
