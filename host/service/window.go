package service

import "time"

// slots is how many parts a window has: what it forgets, it forgets by tenths.
const slots = 10

// window counts requests of the last while, failed and all. The zero value is
// empty.
type window struct {
	slot [slots]struct {
		number      int64 // of this part of time, from 1970
		failed, all int
	}
}

// add counts one request in a window of this width.
func (w *window) add(now time.Time, width time.Duration, failed bool) {
	number := numberOf(now, width)
	s := &w.slot[number%slots]
	if s.number != number {
		s.number, s.failed, s.all = number, 0, 0
	}
	s.all++
	if failed {
		s.failed++
	}
}

// sum returns what the window holds now.
func (w *window) sum(now time.Time, width time.Duration) (failed, all int) {
	number := numberOf(now, width)
	for i := range w.slot {
		if s := &w.slot[i]; s.number > number-slots && s.number <= number {
			failed += s.failed
			all += s.all
		}
	}
	return failed, all
}

func numberOf(now time.Time, width time.Duration) int64 {
	return now.UnixNano() / max(int64(width)/slots, 1)
}
