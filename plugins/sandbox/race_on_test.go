//go:build race

package sandbox

// raceEnabled: builds with the race detector allocate where others do not.
const raceEnabled = true
