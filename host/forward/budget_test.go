package forward

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestBudgetIsAShareOfRequests(t *testing.T) {
	b := NewBudget(20, 3)
	now := time.Unix(1_800_000_000, 0)
	take := func(n int) (got int) {
		for range n {
			if b.Take(now) {
				got++
			}
		}
		return got
	}
	if n := take(10); n != 3 {
		t.Errorf("without requests %d, want the floor of 3", n)
	}
	for range 100 {
		b.Request(now)
	}
	if n := take(100); n != 17 {
		t.Errorf("after 100 requests %d more, want 17: 20 in all", n)
	}
	now = now.Add(9 * time.Second)
	if n := take(1); n != 0 {
		t.Error("what was taken 9 s ago is forgotten")
	}
	for range 50 {
		b.Request(now)
	}
	if n := take(100); n != 10 {
		t.Errorf("after 50 requests more %d, want 10", n)
	}
	now = now.Add(time.Second) // the first 100, and the 20, leave the window
	if n := take(100); n != 0 {
		t.Errorf("50 requests and 10 taken in the window: %d more", n)
	}
	now = now.Add(time.Hour)
	if n := take(100); n != 3 {
		t.Errorf("after an hour %d, want the floor", n)
	}
}

func TestBudgetCountsExactly(t *testing.T) {
	b := NewBudget(10, 0)
	now := time.Unix(1_800_000_000, 0)
	var taken atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				b.Request(now)
			}
		})
	}
	all.Wait()
	for range 8 {
		all.Go(func() {
			for range 1000 {
				if b.Take(now) {
					taken.Add(1)
				}
			}
		})
	}
	all.Wait()
	if n := taken.Load(); n != 800 {
		t.Errorf("%d of 8000 requests taken, want 800", n)
	}
}

// TestBudgetHoldsAtTheLimitOfASecond: a second that is full counts no further
// and spills into nothing else.
func TestBudgetHoldsAtTheLimitOfASecond(t *testing.T) {
	b := NewBudget(100, 0)
	now := time.Unix(1_800_000_000, 0)
	for range countMask + 10 {
		b.Request(now)
	}
	if requests, taken := b.counts(now); requests != countMask || taken != 0 {
		t.Errorf("%d requests, %d taken", requests, taken)
	}
}

func TestNoBudgetIsNoLimit(t *testing.T) {
	var b *Budget
	b.Request(time.Now())
	if !b.Take(time.Now()) {
		t.Error("a limit")
	}
}

func TestBudgetAllocatesNothing(t *testing.T) {
	b, now := NewBudget(20, 1), time.Now()
	if n := testing.AllocsPerRun(100, func() { b.Request(now); b.Take(now) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkBudgetRequest(b *testing.B) {
	budget, now := NewBudget(20, 1), time.Now()
	for b.Loop() {
		budget.Request(now)
	}
}
