package sandbox

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// burst has n calls under way at a time.
func burst(t *testing.T, p plugins.Policy, n int) {
	t.Helper()
	release := make(chan struct{})
	var done sync.WaitGroup
	for range n {
		held(t, p, release, &done)
	}
	close(release)
	done.Wait()
}

// TestInstancesOfABurstGo: what a burst made goes after a while, by the
// Loader's own clock, down to what was needed at a time since.
func TestInstancesOfABurstGo(t *testing.T) {
	for _, c := range []struct {
		needed int // at a time, each minute after the burst
		left   int
	}{{0, 1}, {1, 1}, {3, 3}, {6, 6}} {
		t.Run(fmt.Sprint(c.needed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t)
				spec := l.spec(asker)
				spec.Limits.Instances = 6
				p := l.load(spec)
				burst(t, p, 6)
				if s := p.Stats(); s.Instances != 6 || s.InstancesMade != 6 {
					t.Errorf("the burst made %d instances, %d are left", s.InstancesMade, s.Instances)
				}
				time.Sleep(sweepEvery / 2) // between two sweeps: at the same moment either may be first
				for range 3 {
					time.Sleep(sweepEvery)
					burst(t, p, c.needed)
				}
				synctest.Wait()
				if s := p.Stats(); s.Instances != c.left || s.InstancesMade != 6 || len(idle(p)) != c.left {
					t.Errorf("%d instances are left, %d idle, %d were made, want %d", s.Instances, len(idle(p)), s.InstancesMade, c.left)
				}
				if _, err := p.Call(abi.OnRequest, newFake()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestASweepLeavesWhatIsInUse: instances in a call are nobody's to close, and
// a policy that was released has nothing to sweep.
func TestASweepLeavesWhatIsInUse(t *testing.T) {
	l := newLab(t)
	spec := l.spec(asker)
	spec.Limits.Instances = 2
	p := l.load(spec)
	release := make(chan struct{})
	var done sync.WaitGroup
	held(t, p, release, &done)
	held(t, p, release, &done)
	for range 3 {
		if err := p.sweep(); err != nil {
			t.Error(err)
		}
	}
	if n := p.Stats().Instances; n != 2 {
		t.Errorf("%d instances", n)
	}
	close(release)
	done.Wait()
	p.Release()
	for range 3 {
		if err := p.sweep(); err != nil {
			t.Error(err)
		}
	}
	if n := p.Stats().Instances; n != 0 {
		t.Errorf("%d instances after the release", n)
	}
}

// TestInstancesAge: an instance that has served its time is replaced, at the
// first call that looks at the clock.
func TestInstancesAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		p := l.load(l.spec(noop))
		first := idle(p)[0]
		call := func(n int) {
			t.Helper()
			for range n {
				if _, err := p.Call(abi.OnRequest, newFake()); err != nil {
					t.Fatal(err)
				}
			}
		}
		time.Sleep(maxAge - time.Millisecond)
		call(timeEvery)
		if len(idle(p)) != 1 || idle(p)[0] != first {
			t.Fatal("it was replaced before its time")
		}
		time.Sleep(time.Millisecond)
		call(timeEvery)
		if len(idle(p)) == 1 && idle(p)[0] == first {
			t.Error("it outlived its time")
		}
		call(1)
		if s := p.Stats(); s.Instances != 1 || s.InstancesMade != 2 {
			t.Errorf("%d instances, %d made", s.Instances, s.InstancesMade)
		}
	})
}
