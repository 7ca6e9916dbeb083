package service

import (
	"testing"
	"time"
)

// TestHealthStates walks the state machine: P and p are a successful and a
// failed check, a a failed one of a service that answers requests. After every
// event comes the state that must hold then: "?" unknown, "+" healthy, "-"
// unhealthy.
func TestHealthStates(t *testing.T) {
	for name, walk := range map[string]string{
		"unknown until a check succeeds":            "p?p?a?P+",
		"the first success is enough at first":      "P+",
		"a run of failed checks":                    "P+p+p+p-",
		"a successful check ends the run":           "P+p+p+P+p+p+p-",
		"a busy service is not a dead one":          "P+a+a+a+a+a+",
		"an answer ends the run":                    "P+p+p+a+p+p+p-",
		"answers do not bring it back":              "P+p+p+p-a-a-P-P+",
		"a failed check starts the way back afresh": "P+p+p+p-P-p-P-P+",
		"nothing of the old run is left":            "P+p+p+p-P-P+p+p+p-",
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
					moved = h.probeFailed(3, false, "down")
				case 'a':
					moved = h.probeFailed(3, true, "down")
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
		"well":                      {health{state: healthy}, true, interval},
		"well, no models yet":       {health{state: healthy}, false, recheck},
		"starting":                  {health{state: unknown, probeFails: 9}, true, recheck},
		"well, but a probe failed":  {health{state: healthy, probeFails: 1}, true, recheck},
		"down":                      {health{state: unhealthy, probeFails: 3}, true, recheck},
		"down, and on its way back": {health{state: unhealthy, probeOKs: 1}, true, recheck},
		"well, and requests fail":   {health{state: healthy, suspect: true}, true, recheck},
		"well, failed and excused":  {health{state: healthy, excused: true}, true, interval},
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
