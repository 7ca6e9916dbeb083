//go:build linux

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// soakClients send requests over connections that they keep, and enter into the
// ledger what became of each.
type soakClients struct {
	address string
	ledger  *soakLedger
	next    atomic.Uint32
	open    sync.WaitGroup
	going   atomic.Int64 // of open
	skipped atomic.Int64 // requests that were due and were not sent

	mu   sync.Mutex
	idle []*soakLine
}

// soakLine is a connection of a client's.
type soakLine struct {
	net.Conn
	in    *bufio.Reader
	since time.Time
}

// take returns a connection, the one that was used last if there is one: those
// that are idle for long the router may close.
func (c *soakClients) take() (*soakLine, error) {
	c.mu.Lock()
	if n := len(c.idle); n > 0 {
		line := c.idle[n-1]
		c.idle = c.idle[:n-1]
		c.mu.Unlock()
		if time.Since(line.since) < 30*time.Second {
			return line, nil
		}
		_ = line.Close()
	} else {
		c.mu.Unlock()
	}
	conn, err := net.Dial("tcp", c.address)
	if err != nil {
		return nil, err
	}
	return &soakLine{Conn: conn, in: bufio.NewReader(conn)}, nil
}

func (c *soakClients) put(line *soakLine) {
	line.since = time.Now()
	c.mu.Lock()
	c.idle = append(c.idle, line)
	c.mu.Unlock()
}

// hangUp closes the idle connections.
func (c *soakClients) hangUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, line := range c.idle {
		_ = line.Close()
	}
	c.idle = nil
}

// closedLoop keeps n requests going for a time and returns how many a second
// were answered.
func (c *soakClients) closedLoop(n int, d time.Duration) float64 {
	var done atomic.Int64
	begun := time.Now()
	var workers sync.WaitGroup
	for range n {
		workers.Go(func() {
			for time.Since(begun) < d {
				id := c.next.Add(1)
				c.send(id, planOfSoak(id).hurried())
				done.Add(1)
			}
		})
	}
	workers.Wait()
	return float64(done.Load()) / time.Since(begun).Seconds()
}

// What a machine that stalled need not catch up with, and what is too much for
// the test itself, with its descriptors and both ends of every connection.
const (
	soakLate = 100 * time.Millisecond
	soakOpen = 2000
)

// openLoop sends rate requests a second, whatever becomes of them, until done. It
// skips those that it could send late only, or beside too many others.
func (c *soakClients) openLoop(rate float64, done <-chan struct{}) {
	begun := time.Now()
	for n := 0; ; n++ {
		due := begun.Add(time.Duration(float64(n) / rate * float64(time.Second)))
		if wait := time.Until(due); wait > 0 {
			time.Sleep(wait)
		}
		select {
		case <-done:
			return
		default:
		}
		if time.Since(due) > soakLate || c.going.Load() > soakOpen {
			c.skipped.Add(1)
			continue
		}
		id := c.next.Add(1)
		c.going.Add(1)
		c.open.Go(func() {
			defer c.going.Add(-1)
			c.send(id, planOfSoak(id))
		})
	}
}

// send is one request, to its end.
func (c *soakClients) send(id uint32, p soakPlan) {
	c.ledger.sent(id, p)
	line, err := c.take()
	if err != nil {
		c.ledger.ended(id, soakLost, 0, err.Error())
		return
	}
	_ = line.SetDeadline(time.Now().Add(2 * time.Minute))
	body := p.body(id)
	wire := p.request(id, body)
	switch p.leaves {
	case leavesInHead:
		wire = wire[:10+int(id)%100]
	case leavesInBody:
		wire = wire[:len(wire)-1-int(id)%(len(body)/2)]
	}
	if _, err := line.Write(wire); err != nil {
		_ = line.Close()
		c.ledger.ended(id, soakLost, 0, err.Error())
		return
	}
	if p.leaves != staysToTheEnd && p.leaves != leavesInReply {
		time.Sleep(p.after)
		_ = line.Close()
		c.ledger.ended(id, soakLeft, 0, "")
		return
	}
	if c.receive(line, id, p, soakSum(body)) {
		c.put(line)
	} else {
		_ = line.Close()
	}
}

func (p soakPlan) request(id uint32, body []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST /v1/chat/completions HTTP/1.1\r\nHost: router\r\nContent-Type: application/json\r\nX-Request-Id: %s\r\nX-Route: %s\r\nX-Plan: %s\r\n",
		soakID(id), soakRoutes[p.route], p.header())
	if !p.chunks {
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n", len(body))
		b.Write(body)
		return b.Bytes()
	}
	b.WriteString("Transfer-Encoding: chunked\r\n\r\n")
	for len(body) > 0 {
		n := min(len(body), 50_000)
		fmt.Fprintf(&b, "%x\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	b.WriteString("0\r\n\r\n")
	return b.Bytes()
}

// receive reads the reply and reports whether the connection can be used again.
func (c *soakClients) receive(line *soakLine, id uint32, p soakPlan, sum uint32) bool {
	resp, err := http.ReadResponse(line.in, nil)
	if err != nil {
		c.ledger.ended(id, soakLost, 0, err.Error())
		return false
	}
	if got := resp.Header.Get("X-Request-Id"); got != soakID(id) {
		c.ledger.wrong("%s got the reply to %s", soakID(id), got)
	}
	if p.leaves == leavesInReply {
		_, _ = io.CopyN(io.Discard, resp.Body, int64(p.size/2))
		c.ledger.ended(id, soakLeft, resp.StatusCode, "")
		return false
	}
	b, err := io.ReadAll(resp.Body)
	body := string(b)
	if resp.StatusCode != http.StatusOK {
		if err != nil || !strings.HasPrefix(body, `{"error":`) {
			c.ledger.wrong("%s got %d and no error that says why: %.200q, %v", soakID(id), resp.StatusCode, body, err)
		}
		c.ledger.ended(id, soakRefused, resp.StatusCode, body)
		return err == nil && !resp.Close
	}
	want := strings.Join(p.reply(id, sum), "")
	if byVillain(p.route) { // which may change bodies, and what it changes is its own
		want = strangersWords.ReplaceAllString(want, "")
		body = strangersWords.ReplaceAllString(body, "")
	}
	switch {
	case err == nil && body == want:
		c.ledger.ended(id, soakWhole, resp.StatusCode, "")
		return !resp.Close
	case err == nil:
		c.ledger.wrong("%s took for whole what is not: %s", soakID(id), difference(body, want))
	default:
		begins, _, _ := strings.Cut(body, `data: {"error":`)
		if !strings.HasPrefix(want, begins) {
			c.ledger.wrong("%s got what is no beginning of its reply: %s", soakID(id), difference(begins, want))
		}
	}
	c.ledger.ended(id, soakCut, resp.StatusCode, "")
	return false
}

// strangersWords are what of a reply depends on the request's body.
var strangersWords = regexp.MustCompile(`"sum":\d+`)

func difference(got, want string) string {
	i := 0
	for i < min(len(got), len(want)) && got[i] == want[i] {
		i++
	}
	return fmt.Sprintf("%d bytes of %d, apart at %d: %.100q, not %.100q", len(got), len(want), i, got[max(0, i-20):], want[max(0, i-20):])
}
