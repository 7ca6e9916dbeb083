package sandbox

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/infinirouter/infinirouter/sdk/abi"
)

// TestAWaiterIsOvertakenForAWhile: what is free is for who comes first, also
// while a call waits that has not come to look; one that was patient for long
// enough has the next instance in its hands.
func TestAWaiterIsOvertakenForAWhile(t *testing.T) {
	l := newLab(t)
	spec := l.spec(asker)
	spec.Limits.Instances = 1
	p := l.load(spec)
	synctest.Test(t, func(t *testing.T) {
		in, e := p.acquire(abi.OnRequest, nil)
		if e != nil {
			t.Fatal(e)
		}
		w := &waiter{turn: make(chan *instance, 1), since: clock()}
		p.mu.Lock()
		p.pool.waiters = append(p.pool.waiters, w)
		p.unlock()
		look := func() bool {
			p.mu.Lock()
			defer p.unlock()
			_, _, over := p.look(w, <-w.turn, false, abi.OnRequest, false)
			return over
		}
		put := func() {
			p.mu.Lock()
			defer p.unlock()
			p.put(in)
		}
		for range 2 {
			put()
			if len(w.turn) != 1 {
				t.Fatal("the waiter is not told to look")
			}
			if got, e := p.acquire(abi.OnRequest, nil); got != in {
				t.Fatal("kept for the waiter, who has not come: ", e)
			}
			if time.Sleep(patience / 2); look() {
				t.Fatal("the waiter found something")
			}
		}
		put()
		if len(w.turn) != 1 || <-w.turn != in || len(idle(p)) != 0 || len(p.pool.waiters) != 0 {
			t.Error("not handed to who was patient")
		}
		put()
	})
}
