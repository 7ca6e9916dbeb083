package suite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/infinirouter/infinirouter/bench/peer"
	"github.com/infinirouter/infinirouter/bench/report"
	"github.com/infinirouter/infinirouter/bench/scenarios"
)

// runCancel has clients hang up, one after another.
func (b *bench) runCancel(ctx context.Context, m *measurement) error {
	own := slices.DeleteFunc(slices.Clone(m.targets), func(name string) bool {
		if !slices.Contains(b.externalNames(), name) {
			return false
		}
		m.notes = append(m.notes, name+" is not measured here: its service is not one that this scenario can ask.")
		return true
	})
	names, err := b.startable(ctx, own)
	if err != nil {
		return err
	}
	return b.rounds(ctx, m, names, func(name string) (report.Round, error) {
		// Stopped after its round: requests that it did not give up must not
		// be counted as another's.
		targets, err := b.start(ctx, []string{name}, b.service)
		if err != nil || len(targets) == 0 {
			return report.Round{}, err
		}
		r, err := b.cancel(ctx, targets[0], m)
		stopAll(targets)
		if err != nil {
			return r, err
		}
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		return r, b.service.awaitStats(ctx, func(s stats) bool { return s.Open == 0 })
	})
}

// hopeless is after how many hang-ups that were not seen a round ends.
const hopeless = 3

func (b *bench) cancel(ctx context.Context, t *target, m *measurement) (report.Round, error) {
	var seen []float64
	unseen := 0
	for range m.c.Connections {
		took, err := b.hangUp(ctx, t, m)
		switch {
		case errors.Is(err, errUnseen):
			unseen++
		case err != nil:
			return report.Round{}, err
		default:
			seen = append(seen, took.Seconds())
		}
		if unseen == hopeless {
			break
		}
	}
	v := map[string]float64{"unseen": float64(unseen)}
	if len(seen) > 0 {
		v["seen_p50"], v["seen_max"] = report.Median(seen), slices.Max(seen)
	}
	return report.Round{Values: v}, t.check()
}

var errUnseen = errors.New("the service has not seen it")

// hangUp starts a stream, leaves it, and returns how long the service took to see
// that.
func (b *bench) hangUp(ctx context.Context, t *target, m *measurement) (time.Duration, error) {
	before, err := b.service.stats(ctx)
	if err != nil {
		return 0, err
	}
	conn, err := startStream(t.url, m.c)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }()
	arriving, stop := context.WithTimeout(ctx, 5*time.Second)
	defer stop()
	if err := b.service.awaitStats(arriving, func(s stats) bool { return s.Requests > before.Requests }); err != nil {
		return 0, fmt.Errorf("the request does not reach the service: %w", err)
	}
	if m.c.FirstToken == 0 {
		if err := awaitEvent(conn); err != nil {
			return 0, err
		}
	}
	left := time.Now()
	if err := conn.Close(); err != nil {
		return 0, err
	}
	waiting, stop := context.WithTimeout(ctx, time.Duration(m.s.Duration))
	defer stop()
	err = b.service.awaitStats(waiting, func(s stats) bool { return s.Cancelled > before.Cancelled })
	if waiting.Err() != nil && ctx.Err() == nil {
		return 0, errUnseen
	}
	return time.Since(left), err
}

// startStream asks for a stream on a connection of its own.
func startStream(base string, c scenarios.Case) (net.Conn, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	conn, err := net.DialTimeout("tcp", u.Host, 5*time.Second)
	if err != nil {
		return nil, err
	}
	body := fmt.Sprintf(`{"model":%q,"stream":true,"ignore_eos":true,"max_tokens":%d,"messages":[{"role":"user","content":"Count."}]}`, peer.Alias, c.Tokens)
	var head strings.Builder
	fmt.Fprintf(&head, "POST %s/v1/chat/completions HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n",
		strings.TrimSuffix(u.Path, "/"), u.Host, len(body))
	for name, value := range behaviour(time.Duration(c.FirstToken), time.Duration(c.Interval)) {
		fmt.Fprintf(&head, "%s: %s\r\n", name, value)
	}
	if _, err := conn.Write([]byte(head.String() + "\r\n" + body)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// awaitEvent reads a stream up to its first event.
func awaitEvent(conn net.Conn) error {
	if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "data:") {
			return nil
		}
	}
	return fmt.Errorf("a stream without an event: %w", lines.Err())
}
