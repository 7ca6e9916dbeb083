//go:build !race

package forward

// raceEnabled: race builds allocate on their own account.
const raceEnabled = false
