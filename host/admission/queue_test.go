package admission

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// stand is a gate, a queue before it, and a record of who got in.
type stand struct {
	Queue
	gate  Gate
	order []string
	wg    sync.WaitGroup
}

// come lets a request wait.
func (s *stand) come(name string, p Priority, change func(*Request)) *ended {
	r := Request{Priority: p, Size: 100, Timeout: time.Hour}
	r.Enter = func() bool {
		if !s.gate.Enter() {
			return false
		}
		s.order = append(s.order, name)
		return true
	}
	if change != nil {
		change(&r)
	}
	end := new(ended)
	s.wg.Go(func() { end.v.Store(s.Wait(r)) })
	synctest.Wait()
	return end
}

// ended is how a wait ended, "" while it goes on.
type ended struct{ v atomic.Value }

func (e *ended) how() End {
	end, _ := e.v.Load().(End)
	return end
}

// free gives n places back, one by one.
func (s *stand) free(n int) {
	for range n {
		s.gate.Leave()
		s.Wake()
		synctest.Wait()
	}
}

// shut is a stand of which the only place is taken.
func shut(t *testing.T) *stand {
	s := &stand{}
	s.gate.SetLimit(1)
	if !s.gate.Enter() || s.gate.Enter() || !s.gate.Full() {
		t.Error("a gate for one")
	}
	return s
}

func TestHigherClassFirstAndInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := shut(t)
		for i, p := range []Priority{Low, Normal, High, Low, Normal, High} {
			s.come(fmt.Sprintf("%v%d", p, i), p, nil)
		}
		if n := s.Waiting(); n != [classes]int64{2, 2, 2} {
			t.Errorf("waiting %v", n)
		}
		s.free(6)
		want := []string{"high2", "high5", "normal1", "normal4", "low0", "low3"}
		if !slices.Equal(s.order, want) || !s.Empty() {
			t.Errorf("order %v", s.order)
		}
		s.wg.Wait()
	})
}

func TestRoomIsTakenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stand{}
		if end := s.come("a", Low, func(r *Request) { r.Size = 0 }); end.how() != Admitted || !s.Empty() {
			t.Errorf("%v", end.how())
		}
	})
}

// TestNobodyOvertakes: what cannot go in does not keep back what needs something
// else, and is offered its own first.
func TestNobodyOvertakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := shut(t)
		var other Gate
		other.SetLimit(1)
		s.come("stuck", Normal, nil)
		end := s.come("free", Normal, func(r *Request) { r.Enter = other.Enter })
		if end.how() != Admitted {
			t.Errorf("who needs something else: %v", end.how())
		}
		s.come("second", Normal, nil)
		s.free(1)
		if !slices.Equal(s.order, []string{"stuck"}) {
			t.Errorf("order %v", s.order)
		}
		s.free(2)
		s.wg.Wait()
	})
}

func TestFullQueueKeepsTheHigherClass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := shut(t)
		two := func(r *Request) { r.Size = 2 }
		first, second := s.come("low", Low, two), s.come("normal", Normal, two)
		third := s.come("low2", Low, two)
		if third.how() != Full || first.how() != "" {
			t.Errorf("the lowest and last: %v, the one before: %v", third.how(), first.how())
		}
		fourth := s.come("high", High, two)
		if first.how() != Full || second.how() != "" || fourth.how() != "" {
			t.Errorf("%v %v %v", first.how(), second.how(), fourth.how())
		}
		s.free(2)
		if !slices.Equal(s.order, []string{"high", "normal"}) {
			t.Errorf("order %v", s.order)
		}
		s.wg.Wait()
	})
}

func TestLateAndGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := shut(t)
		gone := make(chan struct{})
		late := s.come("late", Normal, func(r *Request) { r.Timeout = 3 * time.Second })
		left := s.come("left", Normal, func(r *Request) { r.Gone = gone })
		time.Sleep(3*time.Second - 1)
		synctest.Wait()
		if late.how() != "" {
			t.Errorf("too early: %v", late.how())
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if late.how() != Late {
			t.Errorf("late: %v", late.how())
		}
		close(gone)
		synctest.Wait()
		if left.how() != ClientGone || !s.Empty() {
			t.Errorf("gone: %v, waiting %v", left.how(), s.Waiting())
		}
		s.free(1)
		if s.gate.InFlight() != 0 || len(s.order) != 0 {
			t.Errorf("let in: %v", s.order)
		}
		s.wg.Wait()
	})
}

// TestWhatNobodyTellsIsFound: what becomes free without a Wake is found within
// the second.
func TestWhatNobodyTellsIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := shut(t)
		end := s.come("a", Normal, nil)
		s.gate.SetLimit(2)
		time.Sleep(recheck)
		synctest.Wait()
		if end.how() != Admitted {
			t.Errorf("%v", end.how())
		}
		s.wg.Wait()
	})
}

func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := shut(t)
		if n := s.RetryAfter(); n != 1 {
			t.Errorf("nobody waits: %d", n)
		}
		for i := range 100 {
			s.come(fmt.Sprint(i), Normal, nil)
		}
		for range 60 {
			time.Sleep(500 * time.Millisecond)
			s.free(1)
		}
		if n := s.RetryAfter(); n < 18 || n > 20 {
			t.Errorf("40 wait, two a second get in: %d", n)
		}
		s.free(40)
		s.wg.Wait()
	})
}

// TestNoWakeIsLost: many come, leave and give up at once, and everybody ends.
func TestNoWakeIsLost(t *testing.T) {
	const workers, rounds, places = 32, 400, 3
	var q Queue
	var gate Gate
	gate.SetLimit(places)
	var in, most atomic.Int64
	var ends sync.Map
	var wg sync.WaitGroup
	for i := range workers {
		random := rand.New(rand.NewPCG(uint64(i), 7))
		wg.Go(func() {
			for range rounds {
				gone := make(chan struct{})
				if random.IntN(8) == 0 {
					close(gone)
				}
				end := q.Wait(Request{
					Priority: Priority(random.IntN(int(classes))), Size: 1 + random.IntN(workers), Timeout: time.Minute,
					Gone: gone, Enter: gate.Enter,
				})
				ends.Store(end, true)
				if end != Admitted {
					continue
				}
				n := in.Add(1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				in.Add(-1)
				gate.Leave()
				q.Wake()
			}
		})
	}
	wg.Wait()
	if !q.Empty() || gate.InFlight() != 0 || most.Load() > places {
		t.Errorf("waiting %v, in flight %d, at most %d", q.Waiting(), gate.InFlight(), most.Load())
	}
	for _, end := range []End{Admitted, Full} {
		if _, ok := ends.Load(end); !ok {
			t.Errorf("nobody was %s", end)
		}
	}
	if _, ok := ends.Load(Late); ok {
		t.Error("somebody was forgotten")
	}
}

func TestWayInAllocatesNothing(t *testing.T) {
	var g Gate
	var q Queue
	g.SetLimit(10)
	pass := func() {
		if q.Empty() && g.Enter() {
			g.Leave()
			q.Wake()
		}
	}
	if n := testing.AllocsPerRun(1000, pass); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkWayIn is what admission costs where nobody waits: one gate.
func BenchmarkWayIn(b *testing.B) {
	for _, limit := range []int{0, 1 << 20} {
		b.Run(fmt.Sprintf("limit=%d", limit), func(b *testing.B) {
			var g Gate
			var q Queue
			g.SetLimit(limit)
			b.ReportAllocs()
			for b.Loop() {
				if q.Empty() && g.Enter() {
					g.Leave()
					q.Wake()
				}
			}
		})
	}
}

// BenchmarkOffer is what one place costs to give to the last of many who wait
// for something else.
func BenchmarkOffer(b *testing.B) {
	var q Queue
	var shut Gate
	shut.SetLimit(1)
	shut.Enter()
	var wg sync.WaitGroup
	gone := make(chan struct{})
	for range 1000 {
		wg.Go(func() { q.Wait(Request{Size: 1000, Timeout: time.Hour, Gone: gone, Enter: shut.Enter}) })
	}
	for q.waiting.Load() < 1000 {
		time.Sleep(time.Millisecond)
	}
	for b.Loop() {
		q.Wake()
	}
	close(gone)
	wg.Wait()
}
