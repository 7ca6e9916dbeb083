//go:build race

package service

// raceEnabled: the race detector allocates, so allocations are not counted.
const raceEnabled = true
