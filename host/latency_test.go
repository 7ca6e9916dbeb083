package host

import (
	"fmt"
	"testing"
	"time"
)

func TestLatencyBuckets(t *testing.T) {
	last := -1
	for d := time.Duration(0); d < 2*time.Hour; d += d/64 + time.Microsecond {
		b := bucketOf(d)
		if b < last || b > last+1 {
			t.Fatalf("%v is in bucket %d after %d", d, b, last)
		}
		last = b
		end := bucketEnd(b)
		if end <= d || float64(end-d) > float64(d)/8+float64(latencyUnit) {
			t.Fatalf("%v is in a bucket that ends at %v", d, end)
		}
	}
	if bucketOf(-1) != 0 || bucketOf(1<<62) != latencyBuckets-1 {
		t.Error("the ends")
	}
}

func TestLatencyPercentile(t *testing.T) {
	var l latency
	now := time.Unix(60_000_000, 0)
	if l.percentile(95, now) != 0 {
		t.Error("a percentile of nothing")
	}
	for i := range 100 {
		l.add(time.Duration(i+1)*10*time.Millisecond, now)
	}
	for p, want := range map[float64]time.Duration{50: 500 * time.Millisecond, 95: 950 * time.Millisecond, 99: 990 * time.Millisecond} {
		if got := l.percentile(p, now); got <= want || got > want*9/8+latencyUnit {
			t.Errorf("p%v is %v, want just over %v", p, got, want)
		}
	}
	now = now.Add(time.Minute) // still seen
	for range 100 {
		l.add(time.Second*10, now)
	}
	if got := l.percentile(50, now); got < 900*time.Millisecond || got > 1200*time.Millisecond {
		t.Errorf("over two minutes: %v", got)
	}
	now = now.Add(time.Minute) // the first are forgotten
	if got := l.percentile(1, now); got < 10*time.Second {
		t.Errorf("of the second minute: %v", got)
	}
	if got := l.percentile(50, now.Add(time.Hour)); got != 0 {
		t.Errorf("of an hour ago: %v", got)
	}
}

func TestLatenciesAreBounded(t *testing.T) {
	var l latencies
	for i := range maxLatencies + 10 {
		one := l.of(fmt.Append(nil, i), false)
		if (one == nil) != (i >= maxLatencies) {
			t.Fatalf("the %dth model: %v", i, one)
		}
	}
	first := l.of([]byte("3"), false)
	if again := l.of([]byte("3"), false); first == nil || first != again {
		t.Error("a model that was seen is another one now")
	}
}

func TestLatencyAllocatesNothing(t *testing.T) {
	var l latencies
	model, now := []byte("m"), time.Now()
	l.of(model, true)
	n := testing.AllocsPerRun(100, func() {
		one := l.of(model, true)
		one.add(time.Second, now)
		one.percentile(95, now)
	})
	if !raceEnabled && n != 0 {
		t.Errorf("%v allocations", n)
	}
}
