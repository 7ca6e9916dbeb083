package forward

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp"
)

func TestJitter(t *testing.T) {
	for _, c := range []struct {
		base, most time.Duration
		n          int
		ceiling    time.Duration
	}{
		{25, 1000, 0, 25},
		{25, 1000, 1, 50},
		{25, 1000, 3, 200},
		{25, 1000, 6, 1000},
		{25, 1000, 100, 1000},
		{1 << 40, 1 << 62, 31, 1 << 62}, // base << n would overflow
		{0, 1000, 5, 0},
		{25, 0, 0, 0},
	} {
		var least, most time.Duration = 1 << 62, 0
		for range 2000 {
			d := jitter(c.base, c.most, c.n)
			least, most = min(least, d), max(most, d)
		}
		if c.ceiling == 0 && most == 0 {
			continue
		}
		if most >= c.ceiling || most < c.ceiling*9/10 || least > c.ceiling/10 {
			t.Errorf("%+v: from %d to %d", c, least, most)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"":                              0,
		"0":                             0,
		"7":                             7 * time.Second,
		"-7":                            0,
		"7.5":                           0,
		"soon":                          0,
		"99999999999999999999":          0,
		"Fri, 02 Jan 2026 03:04:15 GMT": 10 * time.Second,
		"Fri, 02 Jan 2026 03:04:00 GMT": 0,
	} {
		var h fasthttp.ResponseHeader
		h.Set("Retry-After", value)
		if got := retryAfter(&h, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

// TestPauseEndsWithTheClient: a pause is as long as it should be, or ends when
// the client leaves.
func TestPauseEndsWithTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &Watch{sys: nil, gone: make(chan struct{})}
		tr := &trip{client: w}
		began := time.Now()
		if !tr.pause(time.Second) || time.Since(began) != time.Second {
			t.Errorf("a pause of a second took %v", time.Since(began))
		}
	})
}
