package service

import (
	"context"
	"sync"
)

// gates hold back the events of stepped streams, one gate per request id. A
// step may come before the stream that it is for.
type gates struct {
	mu sync.Mutex
	m  map[string]*gate
}

type gate struct {
	mu      sync.Mutex
	steps   int
	stepped chan struct{} // closed and replaced at each step
}

func (g *gates) get(id string) *gate {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.m == nil {
		g.m = map[string]*gate{}
	}
	one := g.m[id]
	if one == nil {
		one = &gate{stepped: make(chan struct{})}
		g.m[id] = one
	}
	return one
}

func (g *gates) drop(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.m, id)
}

func (g *gate) add(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.steps += n
	close(g.stepped)
	g.stepped = make(chan struct{})
}

// pass takes one step, waiting for it as long as ctx allows.
func (g *gate) pass(ctx context.Context) error {
	for {
		g.mu.Lock()
		if g.steps > 0 {
			g.steps--
			g.mu.Unlock()
			return nil
		}
		stepped := g.stepped
		g.mu.Unlock()
		select {
		case <-stepped:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Step lets the stepped stream with this request id emit n more events. The id
// is the request's X-Fake-Id or X-Request-Id, "" where it has neither.
func (s *Service) Step(id string, n int) { s.gates.get(id).add(n) }
