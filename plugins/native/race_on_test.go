//go:build race

package native

// raceEnabled: builds with the race detector allocate where others do not.
const raceEnabled = true
