package wire

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// Received is a request as a service got it.
type Received struct {
	Message *Message // nil where Err is not
	Err     error    // why it could be read in two ways
	Raw     string   // as it came; where Err is not nil, all that did from there
}

var errEnded = errors.New("it ended before it was complete")

// Service answers requests and writes down what it received.
type Service struct {
	ln net.Listener

	mu      sync.Mutex
	conns   map[net.Conn]bool
	leaving map[net.Conn]bool // those that a script closes
	left    sync.Cond         // none is any more
	log     []Received
	script  *Case
	turn    int // the how-manieth Follow it is
}

// Model is the model that the service has, and OwnReply what it answers where
// no case says otherwise.
const (
	Model    = "gpt-4"
	OwnReply = `{"model":"gpt-4"}`
)

// StartService runs a service until Stop.
func StartService() (*Service, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Service{ln: ln, conns: map[net.Conn]bool{}, leaving: map[net.Conn]bool{}}
	s.left.L = &s.mu
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns[conn] = true
			s.mu.Unlock()
			go s.serve(conn)
		}
	}()
	return s, nil
}

// Addr is HOST:PORT.
func (s *Service) Addr() string { return s.ln.Addr().String() }

// Stop ends the service and its connections.
func (s *Service) Stop() {
	_ = s.ln.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		_ = conn.Close()
	}
}

// Follow makes the service answer as a case of the corpus says, nil: on its own,
// and forgets what it received. It returns once the connections are closed that
// the last case closes: a request on its way to one of them would be lost.
func (s *Service) Follow(c *Case) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.leaving) > 0 {
		s.left.Wait()
	}
	s.script, s.log = c, nil
	s.turn++
}

// Log is what it received, but for questions after its health and models.
func (s *Service) Log() []Received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Received(nil), s.log...)
}

func (s *Service) serve(conn net.Conn) {
	defer func() {
		_ = conn.Close()
		s.mu.Lock()
		delete(s.conns, conn)
		delete(s.leaving, conn)
		s.left.Broadcast()
		s.mu.Unlock()
	}()
	var in string
	turn := 0 // in which in began: what comes late is not the next case's
	buf := make([]byte, 64<<10)
	for {
		m, rest, err := ReadRequest(in)
		switch {
		case err == nil:
			raw := in[:len(in)-len(rest)]
			in = rest
			if !s.answer(conn, turn, Received{Message: m, Raw: raw}) {
				return
			}
			continue
		case !errors.Is(err, errMore):
			s.note(conn, turn, Received{Err: err, Raw: in})
			reply(conn, OwnReply) // as a service would that sees nothing wrong
			return
		}
		n, err := conn.Read(buf)
		if in == "" {
			turn = s.now()
		}
		in += string(buf[:n])
		if err != nil {
			if in != "" {
				s.note(conn, turn, Received{Err: errEnded, Raw: in})
			}
			return
		}
	}
}

func (s *Service) now() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.turn
}

// note writes down what was received and returns the case to answer by.
func (s *Service) note(conn net.Conn, turn int, r Received) *Case {
	s.mu.Lock()
	defer s.mu.Unlock()
	if turn == s.turn {
		s.log = append(s.log, r)
	}
	if s.script != nil && s.script.Then != Hold {
		s.leaving[conn] = true
	}
	return s.script
}

func reply(conn net.Conn, body string) {
	_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// answer reports whether the connection can serve another request.
func (s *Service) answer(conn net.Conn, turn int, r Received) bool {
	switch m := r.Message; {
	case strings.HasPrefix(m.First, "GET /v1/models "):
		reply(conn, fmt.Sprintf(`{"object":"list","data":[{"id":%q,"object":"model","created":1,"owned_by":"wire"}]}`, Model))
		return true
	case strings.HasPrefix(m.First, "GET /health "):
		reply(conn, "{}")
		return true
	}
	script := s.note(conn, turn, r)
	if script == nil {
		reply(conn, OwnReply)
		return true
	}
	_, _ = conn.Write([]byte(script.Send))
	switch script.Then {
	case Reset:
		// Only after the bytes were taken: a reset overtakes what is on its way.
		time.Sleep(5 * time.Millisecond)
		_ = conn.(*net.TCPConn).SetLinger(0)
		return false
	case Close:
		return false
	}
	return true
}

// ownFields and ownReplyFields are what the router writes anew, of which every
// request and every reply has the same; they are left out of what is compared.
const (
	ownFields      = " host via x-forwarded-for x-forwarded-proto x-forwarded-host x-request-id content-length "
	ownReplyFields = " server date content-type content-length transfer-encoding connection x-request-id "
)

// Digest is a request as the corpus writes it down: method and target, the
// fields that are the client's, each on a line, and the body.
func Digest(m *Message) string {
	first, version, _ := strings.Cut(m.First, " HTTP/")
	if version != "1.1" {
		first = m.First
	}
	text := first + "\n" + m.fieldsBut(ownFields) + m.Body
	for _, f := range m.Trailers {
		text += "\ntrailer " + f.Name
	}
	return text
}

// fieldsBut are the fields, each on a line, but for those named in own.
func (m *Message) fieldsBut(own string) (text string) {
	for _, f := range m.Fields {
		if !strings.Contains(own, " "+strings.ToLower(f.Name)+" ") {
			text += f.Name + ": " + f.Value + "\n"
		}
	}
	return text
}
