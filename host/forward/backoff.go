package forward

import (
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
)

// jitter is how long to wait before the nth try again of one request, n from
// 0: anything up to base * 2^n, but for most, so that requests that failed
// together do not come back together. The AWS architecture blog calls it full
// jitter, and measured that it finishes first with the least work.
func jitter(base, most time.Duration, n int) time.Duration {
	ceiling := most
	if n < 63 && base <= most>>n { // no overflow
		ceiling = base << n
	}
	if ceiling <= 0 {
		return 0
	}
	return rand.N(ceiling)
}

// pause waits, and no longer than the client does: then it says no.
func (t *trip) pause(d time.Duration) bool {
	if d <= 0 {
		return !t.client.Gone()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-t.client.arm():
		return false
	case <-timer.C:
		return !t.client.Gone()
	}
}

// retryAfter is how long a reply asks to be left alone, 0 when it does not say.
// What cannot be read is not said.
func retryAfter(h *fasthttp.ResponseHeader, now time.Time) time.Duration {
	value := h.Peek("Retry-After")
	if seconds, err := strconv.ParseUint(string(value), 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := fasthttp.ParseHTTPDate(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
