//go:build linux

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// soakMood is how a service takes requests for a while.
type soakMood struct {
	name string // "well", or one of soakMoods
	over chan struct{}
}

// soakMoods are the ways in which a service dies. Replies that are on their way
// when one begins end in that way.
var soakMoods = []string{
	"resets",  // it reads a request, and resets the connection: at once or within its reply
	"hangs",   // it reads a request and says nothing more
	"refuses", // nobody listens, and what was open is gone
	"closes",  // as resets, with an orderly end of the connection
	"is busy", // it answers 503
}

// soakService is a service that speaks raw bytes, dies and comes back, and enters
// every request that it reads into the ledger.
type soakService struct {
	name   string
	ledger *soakLedger
	port   int
	mood   atomic.Pointer[soakMood]

	mu     sync.Mutex
	listen net.Listener
	conns  map[*soakConn]bool
	all    sync.WaitGroup

	heads, partial, lists atomic.Int64 // requests read to the end of their head; not to it; checks
}

type soakConn struct {
	*net.TCPConn
	in   *bufio.Reader
	busy atomic.Bool
}

// wait lets d pass, or less if the mood changes, and returns the mood.
func (s *soakService) wait(d time.Duration) *soakMood {
	m := s.mood.Load()
	if d > 0 && m.name == "well" {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-m.over:
		}
	}
	return s.mood.Load()
}

func (s *soakService) serve(c *soakConn) {
	defer func() {
		_ = c.Close()
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
	for {
		if _, err := c.in.Peek(1); err != nil {
			return
		}
		c.busy.Store(true)
		req, err := http.ReadRequest(c.in)
		if err != nil {
			s.partial.Add(1)
			return
		}
		if !s.answer(c, req) {
			return
		}
		c.busy.Store(false)
		if s.mood.Load().name == "refuses" {
			_ = c.CloseWrite()
		}
	}
}

// connections is how many the service has.
func (s *soakService) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// answer reports whether the connection goes on.
func (s *soakService) answer(c *soakConn, req *http.Request) bool {
	if req.Method == http.MethodGet {
		return s.check(c, req)
	}
	id, err := parseSoakID(req.Header.Get("X-Request-Id"))
	if err != nil {
		s.ledger.wrong("service %s got %v", s.name, err)
		return false
	}
	mood := s.mood.Load()
	s.heads.Add(1)
	s.ledger.arrived(id, mood.name != "is busy")
	if mood.name == "resets" && id%3 == 0 { // with the body unread
		_ = c.SetLinger(0)
		return false
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return false // its client has left, and the router with it
	}
	ask, err := parseSoakPlan(req.Header.Get("X-Plan"))
	if err != nil {
		s.ledger.wrong("service %s got %v", s.name, err)
		return false
	}
	if mood.name == "is busy" {
		_, err := io.WriteString(c, "HTTP/1.1 503 Busy\r\nContent-Length: 16\r\n\r\n{\"error\":\"busy\"}")
		return err == nil
	}
	return s.reply(c, ask.reply(id, soakSum(body)), ask)
}

func (s *soakService) check(c *soakConn, req *http.Request) bool {
	s.lists.Add(1)
	text := ""
	if req.URL.Path == "/v1/models" {
		text = `{"object":"list","data":[{"id":"m","object":"model"}]}`
	}
	if m := s.mood.Load(); !s.stays(c, m) {
		return false
	}
	_, err := fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
	return err == nil
}

// stays reports whether the service answers in this mood; if not, the connection
// ends in its way.
func (s *soakService) stays(c *soakConn, m *soakMood) bool {
	switch m.name {
	case "resets", "refuses":
		_ = c.SetLinger(0)
		return false
	case "closes":
		return false
	case "hangs":
		left := make(chan struct{})
		go func() { // the router may give up first
			defer close(left)
			_, _ = c.in.ReadByte()
		}()
		select {
		case <-m.over:
			_ = c.SetReadDeadline(time.Unix(1, 0))
			<-left
		case <-left:
		}
		return false
	}
	return true
}

// reply sends the pieces of a reply, at their times.
func (s *soakService) reply(c *soakConn, pieces []string, ask soakPlan) bool {
	m := s.wait(ask.first)
	var out bytes.Buffer
	head := "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	if ask.stream {
		head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	}
	if ask.chunked {
		out.WriteString(head + "Transfer-Encoding: chunked\r\n\r\n")
	} else {
		fmt.Fprintf(&out, "%sContent-Length: %d\r\n\r\n", head, len(strings.Join(pieces, "")))
	}
	for i, piece := range pieces {
		if ask.chunked {
			fmt.Fprintf(&out, "%x\r\n%s\r\n", len(piece), piece)
		} else {
			out.WriteString(piece)
		}
		if i == len(pieces)-1 && ask.chunked {
			out.WriteString("0\r\n\r\n")
		}
		if m.name != "well" && m.name != "is busy" {
			if ask.breaksAt%2 == 0 { // within what it was about to say
				_, _ = c.Write(out.Bytes()[:out.Len()*ask.breaksAt/10])
			}
			return s.stays(c, m)
		}
		if _, err := c.Write(out.Bytes()); err != nil {
			return false
		}
		out.Reset()
		if i < len(pieces)-1 {
			m = s.wait(ask.gap)
		}
	}
	return true
}

// soakSum is a checksum of what no policy of the soak changes in a body.
func soakSum(body []byte) uint32 {
	i := bytes.Index(body, []byte(`"messages"`))
	return crc32.ChecksumIEEE(body[max(i, 0):])
}
