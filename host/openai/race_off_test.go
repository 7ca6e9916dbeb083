//go:build !race

package openai

// raceEnabled: race builds allocate where others do not.
const raceEnabled = false
