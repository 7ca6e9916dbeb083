package sandbox

import (
	"errors"
	"sync"
	"testing"
)

func TestRegistry(t *testing.T) {
	var r registry[string, int]
	made, closed := 0, 0
	get := func() (int, error) { made++; return made, nil }
	for range 3 {
		if v, err := r.acquire("a", get); v != 1 || err != nil {
			t.Fatalf("got %d, %v", v, err)
		}
	}
	for i := range 3 {
		r.release("a", func(int) { closed++ })
		if (closed == 1) != (i == 2) {
			t.Errorf("closed %d times after %d releases", closed, i+1)
		}
	}
	r.release("a", func(int) { closed++ }) // nobody's
	if v, _ := r.acquire("a", get); v != 2 || closed != 1 {
		t.Errorf("after the last release: value %d, closed %d times", v, closed)
	}
}

func TestRegistrySharesAFailure(t *testing.T) {
	var r registry[string, int]
	fault := errors.New("no")
	start, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := r.acquire("a", func() (int, error) { close(start); <-release; return 0, fault }); err != fault {
			t.Errorf("the first got %v", err)
		}
	})
	<-start
	wg.Go(func() {
		// Either it waits for the first, or it comes after it and makes its own.
		if v, err := r.acquire("a", func() (int, error) { return 7, nil }); err != fault && v != 7 {
			t.Errorf("the second got %d, %v", v, err)
		}
	})
	close(release)
	wg.Wait()
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		r.acquire("b", func() (int, error) { panic("boom") })
	}()
	if v, err := r.acquire("b", func() (int, error) { return 8, nil }); v != 8 || err != nil {
		t.Errorf("after a panic: %d, %v", v, err)
	}
}
