package suite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/infinirouter/infinirouter/bench/peer"
	"github.com/infinirouter/infinirouter/bench/report"
)

// runFailover has one of two services fail, and recover, under a steady rate.
func (b *bench) runFailover(ctx context.Context, m *measurement) error {
	var pair [2]*service
	for i := range pair {
		s, err := startService(ctx, b.Service, b.Place.Service)
		if err != nil {
			return err
		}
		defer s.kill()
		pair[i] = s
	}
	names, err := b.startable(ctx, m.targets, pair[:]...)
	if err != nil {
		return err
	}
	return b.rounds(ctx, m, names, func(name string) (report.Round, error) {
		targets, err := b.start(ctx, []string{name}, pair[:]...)
		if err != nil || len(targets) == 0 {
			return report.Round{}, err
		}
		defer stopAll(targets)
		if err := awaitBoth(ctx, targets[0], pair); err != nil {
			return report.Round{}, err
		}
		r, err := b.failover(ctx, targets[0], pair[0], m)
		if err != nil {
			return r, err
		}
		return r, targets[0].check()
	})
}

// awaitBoth asks until both services have answered through the target.
func awaitBoth(ctx context.Context, t *target, pair [2]*service) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	var before [2]stats
	for i, s := range pair {
		var err error
		if before[i], err = s.stats(ctx); err != nil {
			return err
		}
	}
	for {
		_ = peer.Ask(ctx, t.url) // it may not have both yet
		used := 0
		for i, s := range pair {
			now, err := s.stats(ctx)
			if err != nil {
				return fmt.Errorf("%s does not use both services: %w", t.name, err)
			}
			if now.Answered > before[i].Answered {
				used++
			}
		}
		if used == len(pair) {
			return nil
		}
	}
}

// probe is one request of the steady rate.
type probe struct {
	start, end time.Duration // since the round began
	err        error
}

// heldUp is how long a good reply takes that a client would notice.
const heldUp = 250 * time.Millisecond

func (b *bench) failover(ctx context.Context, t *target, s *service, m *measurement) (report.Round, error) {
	faultAt, backAt := time.Duration(m.c.FaultAt), time.Duration(m.c.BackAt)
	began := time.Now()
	until := func(at time.Duration) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Until(began.Add(at))):
			return nil
		}
	}
	returned := make(chan time.Duration, 1)
	faults := make(chan error, 1)
	go func() {
		faults <- func() error {
			if err := until(faultAt); err != nil {
				return err
			}
			if err := fail(s, m.c.Fault); err != nil {
				return err
			}
			waited := until(backAt)
			return errors.Join(waited, recoverService(context.WithoutCancel(ctx), s, m.c.Fault))
		}()
		returned <- awaitUse(ctx, s, began.Add(time.Duration(m.s.Duration)))
	}()
	probes := ask(ctx, t.url, began, m)
	if err := <-faults; err != nil {
		return report.Round{}, err
	}
	r := judge(probes, faultAt, backAt)
	if at := <-returned; at > 0 {
		r.Values["return"] = at.Seconds()
	}
	return r, ctx.Err()
}

// fail makes a service fail, and recoverService makes it well again.
func fail(s *service, how string) error {
	if how == "hangs" {
		return s.process.Pause()
	}
	s.kill()
	return nil
}

func recoverService(ctx context.Context, s *service, how string) error {
	if how == "hangs" {
		return s.process.Resume()
	}
	return s.start(ctx)
}

// enough is how many answers show that a service is in use again.
const enough = 5

// awaitUse returns how long a service that has recovered waits for requests; 0
// when it gets none before the deadline.
func awaitUse(ctx context.Context, s *service, deadline time.Time) time.Duration {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	since := time.Now()
	// What it finds in its sockets when it goes on was given up long ago.
	const oldRequests = 50 * time.Millisecond
	time.Sleep(oldRequests)
	before, err := s.stats(ctx)
	if err != nil {
		return 0
	}
	if s.awaitStats(ctx, func(now stats) bool { return now.Answered >= before.Answered+enough }) != nil {
		return 0
	}
	return time.Since(since)
}

// ask sends a request at even distances for the round's duration, whether or not
// answers come, and returns how each fared.
func ask(ctx context.Context, url string, began time.Time, m *measurement) []probe {
	transport := &http.Transport{MaxIdleConnsPerHost: m.c.Connections, MaxConnsPerHost: m.c.Connections}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	count := int(m.c.Rate * time.Duration(m.s.Duration).Seconds())
	probes := make([]probe, 0, count)
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range count {
		start := time.Duration(float64(i) / m.c.Rate * float64(time.Second))
		select {
		case <-ctx.Done():
		case <-time.After(time.Until(began.Add(start))):
		}
		if ctx.Err() != nil {
			break
		}
		all.Go(func() {
			p := probe{start: start, err: askOnce(ctx, client, url)}
			p.end = time.Since(began)
			mu.Lock()
			defer mu.Unlock()
			probes = append(probes, p)
		})
	}
	all.Wait()
	return probes
}

func askOnce(ctx context.Context, client *http.Client, url string) error {
	body := fmt.Appendf(nil, `{"model":%q,"messages":[{"role":"user","content":"Are you there?"}],"max_tokens":4}`, peer.Alias)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/chat/completions", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.GetBody = nil // it must not be sent twice by the client
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("status %d", resp.StatusCode)
	case !bytes.Contains(text, []byte(`"finish_reason"`)):
		return errors.New("no completion")
	}
	return nil
}

// judge makes figures of how the requests fared.
func judge(probes []probe, faultAt, backAt time.Duration) report.Round {
	v := map[string]float64{"errors": 0, "held_up": 0, "settle": 0, "max": 0}
	r := report.Round{Values: v, Errors: map[string]int64{}}
	for _, p := range probes {
		took := p.end - p.start
		v["max"] = max(v["max"], took.Seconds())
		switch {
		case p.err != nil:
			v["errors"]++
			r.Errors[kindOf(p.err)]++
		case took > heldUp:
			v["held_up"]++
		default:
			continue
		}
		if p.end > faultAt && p.start < backAt {
			v["settle"] = max(v["settle"], (p.end - faultAt).Seconds())
		}
	}
	return r
}

// kindOf is what an error has in common with others: not its addresses.
func kindOf(err error) string {
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "cut"
	}
	if root := errors.Unwrap(err); root != nil {
		return kindOf(root)
	}
	return err.Error()
}
