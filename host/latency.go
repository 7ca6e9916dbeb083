package host

import (
	"math"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

// latencies are the recent times to the first byte of each model, for hedges
// that wait for a percentile of them. Streams and other replies are apart: a
// reply that does not stream begins when its work is done.
//
// Its methods are safe for concurrent use and do not allocate for a model that
// was seen before. It outlives a generation.
type latencies struct {
	mu     sync.Mutex // of making a model's
	models sync.Map   // latencyKey to *latency
	count  int
}

type latencyKey struct {
	model  string
	stream bool
}

// maxLatencies bounds the models that are followed; the others are not hedged
// by percentile.
const maxLatencies = 1000

// of returns the model's, made when need be; nil when there are too many.
func (l *latencies) of(model []byte, stream bool) *latency {
	if v, ok := l.models.Load(latencyKey{string(model), stream}); ok {
		return v.(*latency)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count >= maxLatencies {
		return nil
	}
	v, found := l.models.LoadOrStore(latencyKey{string(model), stream}, new(latency))
	if !found {
		l.count++
	}
	return v.(*latency)
}

// latency counts times in buckets that grow by an eighth, for the minute that
// runs and the one before.
type latency struct {
	minute  atomic.Int64 // that runs, since 1970
	turning sync.Mutex
	halves  [2][latencyBuckets]atomic.Uint32 // by minute, in turn
}

// Eight buckets for each doubling, from 1/8 ms to some hours.
const (
	latencyUnit    = time.Millisecond / 8
	latencyBuckets = 8 * 28
)

// enoughTimes is how many times a percentile needs.
const enoughTimes = 20

// add counts a time.
func (l *latency) add(d time.Duration, now time.Time) {
	l.turn(now)
	l.halves[now.Unix()/60&1][bucketOf(d)].Add(1)
}

// turn empties the half of a minute that begins.
func (l *latency) turn(now time.Time) {
	minute := now.Unix() / 60
	if l.minute.Load() >= minute {
		return
	}
	l.turning.Lock()
	defer l.turning.Unlock()
	before := l.minute.Load()
	if before >= minute {
		return
	}
	for half := range l.halves {
		if int64(half) == minute&1 || before < minute-1 {
			for i := range l.halves[half] {
				l.halves[half][i].Store(0)
			}
		}
	}
	l.minute.Store(minute)
}

// percentile is the time that p percent do not exceed, rounded up to its
// bucket; 0 when there are too few to say.
func (l *latency) percentile(p float64, now time.Time) time.Duration {
	l.turn(now)
	var total uint64
	for i := range latencyBuckets {
		total += l.at(i)
	}
	if total < enoughTimes {
		return 0
	}
	want := uint64(math.Ceil(float64(total) * p / 100))
	var seen uint64
	for i := range latencyBuckets {
		if seen += l.at(i); seen >= want {
			return bucketEnd(i)
		}
	}
	return 0
}

func (l *latency) at(i int) uint64 {
	return uint64(l.halves[0][i].Load()) + uint64(l.halves[1][i].Load())
}

// bucketOf: below 8 units a bucket for each, above eight for each doubling.
func bucketOf(d time.Duration) int {
	n := uint64(max(0, d) / latencyUnit)
	if n < 8 {
		return int(n)
	}
	shift := bits.Len64(n) - 4
	return min(latencyBuckets-1, 8*shift+int(n>>shift))
}

// bucketEnd is where the next bucket begins.
func bucketEnd(i int) time.Duration {
	if i < 8 {
		return time.Duration(i+1) * latencyUnit
	}
	shift := i/8 - 1
	return time.Duration(uint64(i-8*shift+1)<<shift) * latencyUnit
}
