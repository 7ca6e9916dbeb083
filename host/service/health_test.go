package service

import (
	"testing"
	"time"
)

// TestHealthStates walks the state machine: P and p are a successful and a
// failed probe, R and r a request. After every event comes the state that must
// hold then: "?" unknown, "+" healthy, "-" unhealthy.
func TestHealthStates(t *testing.T) {
	for name, walk := range map[string]string{
		"unknown until a probe succeeds":            "p?p?R?P+",
		"the first success is enough at first":      "P+",
		"one failed request is nothing":             "P+r+R+r+R+r+",
		"a run of failed requests":                  "P+r+r+r-",
		"a success ends the run":                    "P+r+r+R+r+r+r-",
		"a run of failed probes":                    "P+p+p+p-",
		"a successful probe ends the probes' run":   "P+p+p+P+p+p+p-",
		"requests do not excuse probes":             "P+p+R+p+R+p-",
		"probes do not excuse requests":             "P+r+P+r+P+r-",
		"both runs count together":                  "P+r+p+r-",
		"only probes bring it back":                 "P+r+r+r-R-R-R-P-P+",
		"a failed probe starts the way back afresh": "P+p+p+p-P-p-P-P+",
		"nothing of the old run is left":            "P+r+r+r-P-P+r+r+p-",
		"failed requests do not hinder the return":  "P+r+r+r-P-r-P+",
	} {
		t.Run(name, func(t *testing.T) {
			var h health
			for i := 0; i < len(walk); i += 2 {
				before := h.state
				var moved bool
				switch walk[i] {
				case 'P':
					moved = h.probeSucceeded(2)
				case 'p':
					moved = h.probeFailed(3, "down")
				case 'R':
					h.succeeded()
				case 'r':
					moved = h.failed(3)
				}
				if got := "?+-"[h.state]; got != walk[i+1] {
					t.Fatalf("after %s: state %c, want %c", walk[:i+1], got, walk[i+1])
				}
				if moved != (before != h.state) {
					t.Fatalf("after %s: reported a move: %v, from %d to %d", walk[:i+1], moved, before, h.state)
				}
			}
		})
	}
}

func TestPace(t *testing.T) {
	const interval = 30 * time.Second
	for name, c := range map[string]struct {
		health    health
		hasModels bool
		want      time.Duration
	}{
		"well":                        {health{state: healthy}, true, interval},
		"well, no models yet":         {health{state: healthy}, false, recheck},
		"starting":                    {health{state: unknown, probeFails: 9}, true, recheck},
		"well, but a probe failed":    {health{state: healthy, probeFails: 1}, true, recheck},
		"down":                        {health{state: unhealthy, probeFails: 3}, true, recheck},
		"down for long":               {health{state: unhealthy, probeFails: 300, ejections: 9}, true, recheck},
		"ejected once":                {health{state: unhealthy, ejections: 1}, true, recheck},
		"ejected again":               {health{state: unhealthy, ejections: 2}, true, 2 * recheck},
		"ejected a fourth time":       {health{state: unhealthy, ejections: 4}, true, 8 * recheck},
		"ejected for the umpteenth":   {health{state: unhealthy, ejections: 1 << 40}, true, interval},
		"well after many ejections":   {health{state: healthy, ejections: 9}, true, interval},
		"on its way back, once taken": {health{state: unhealthy, probeOKs: 1, ejections: 1}, true, recheck},
	} {
		if got := c.health.pace(interval, c.hasModels); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	down := health{state: unhealthy, probeFails: 1}
	if got := down.pace(time.Second, true); got != time.Second {
		t.Errorf("an interval below the recheck: %v, want the interval", got)
	}
}

func TestJittered(t *testing.T) {
	for _, c := range []struct {
		share, r float64
		want     time.Duration
	}{
		{0, 0, time.Minute},
		{0, 0.99, time.Minute},
		{0.5, 0.5, time.Minute},
		{0.5, 0, 45 * time.Second},
		{1, 0, 30 * time.Second},
		{1, 1, 90 * time.Second},
	} {
		if got := jittered(time.Minute, c.share, c.r); got != c.want {
			t.Errorf("jittered(1m, %v, %v) = %v, want %v", c.share, c.r, got, c.want)
		}
	}
}
