package suite

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/infinirouter/infinirouter/bench/process"
)

// service is a fake inference service that runs.
type service struct {
	program string
	cpus    []int
	address string // HOST:PORT, the same for its life

	process *process.Process
}

var listening = regexp.MustCompile(`^listening on http://(\S+)`)

// startService starts the service on a free port.
func startService(ctx context.Context, program string, cpus []int) (*service, error) {
	s := &service{program: program, cpus: cpus, address: "127.0.0.1:0"}
	return s, s.start(ctx)
}

// start starts it, after a kill at the port that it had.
func (s *service) start(ctx context.Context) error {
	p, err := process.Start(process.Command{Path: s.program, Args: []string{"-fast", "-listen", s.address}, CPUs: s.cpus})
	if err != nil {
		return err
	}
	s.process = p
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	m, err := p.Await(ctx, listening)
	if err != nil {
		p.Kill()
		return err
	}
	s.address = m[1]
	return nil
}

func (s *service) url() string { return "http://" + s.address }

// kill ends it without a word: its port refuses from now on.
func (s *service) kill() { s.process.Kill() }

// stats is what the service has seen.
type stats struct {
	Requests  int64 `json:"requests"`
	Answered  int64 `json:"answered"`
	Open      int64 `json:"open"`
	Cancelled int64 `json:"cancelled"`
}

// stats asks the service for what it has seen.
func (s *service) stats(ctx context.Context) (stats, error) {
	var seen stats
	return seen, getJSON(ctx, s.url()+"/fake/stats", &seen)
}

// awaitStats asks until the service has seen enough, or ctx ends.
func (s *service) awaitStats(ctx context.Context, enough func(stats) bool) error {
	for {
		seen, err := s.stats(ctx)
		if err != nil {
			return err
		}
		if enough(seen) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Microsecond):
		}
	}
}

// getJSON fetches a page.
func getJSON(ctx context.Context, url string, to any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: status %d", url, resp.StatusCode)
	}
	if err := json.NewDecoder(resp.Body).Decode(to); err != nil {
		return fmt.Errorf("GET %s: %w", url, err)
	}
	return nil
}

// replyBytes is the length of a reply that does not stream.
const replyBytes = 1 << 10

// behaviour is the headers that ask the service for a case's timing.
func behaviour(first, interval time.Duration) map[string]string {
	ms := func(d time.Duration) string {
		return strings.TrimSuffix(fmt.Sprintf("%.3f", float64(d)/float64(time.Millisecond)), ".000")
	}
	return map[string]string{
		"X-Fake-First-Token": ms(first), "X-Fake-Interval": ms(interval), "X-Fake-Bytes": fmt.Sprint(replyBytes),
	}
}
