//go:build race

package wire

// raceEnabled: race builds allocate on their own account.
const raceEnabled = true
