package wire

import (
	"errors"
	"fmt"
	"strings"
)

// View is what a client gets of a service's reply.
type View struct {
	Status  int // 0: nothing that is a reply
	Whole   bool
	Waiting bool
	Fields  string // that are the service's
	Body    string
	Err     error // what came is no reply
	After   error // what went wrong with the request after it
}

// Reply asks for what the service answers as the case says, and then once more:
// that request must get its own answer.
func Reply(addr string, s *Service, c *Case) (v View, err error) {
	s.Follow(c)
	conn, err := dial(addr, "POST")
	if err != nil {
		return v, err
	}
	defer conn.close()
	ask := Good
	if c.Old {
		ask = strings.Replace(Good, "HTTP/1.1", "HTTP/1.0", 1)
	}
	conn.send(ask, len(ask), Hold)
	wait := longest
	if !c.Whole {
		wait = 2 * idle // a cut is told by the connection's end, which another router may not give
	}
	v.Waiting = !conn.receive(wait, func() bool { return !c.Old && conn.finals() > 0 })
	list, err := conn.replies()
	v.Err = err
	for _, m := range list {
		switch {
		case m.Status() < 200:
		case v.Status == 0:
			v.Status, v.Whole, v.Body = m.Status(), m.Whole, m.Body
			v.Fields = m.fieldsBut(ownReplyFields)
		default:
			v.Err = errors.New("two replies to one request")
		}
	}
	s.Follow(nil)
	if conn.ended || conn.err != nil || v.Waiting {
		again, err := dial(addr, "POST")
		if err != nil {
			return v, err
		}
		defer again.close()
		conn = again
	}
	v.After = followUp(conn)
	return v, nil
}

// JudgeReply compares what a client got with what the case expects.
func (c *Case) JudgeReply(v View) error {
	want := c.Statuses[0]
	switch {
	case v.Err != nil:
		return fmt.Errorf("the client got what is no reply: %w", v.Err)
	case v.Waiting:
		return fmt.Errorf("the client was left waiting")
	case v.Status != want || v.Whole != c.Whole:
		return fmt.Errorf("the client got %d, whole: %v, want %d, whole: %v", v.Status, v.Whole, want, c.Whole)
	case v.After != nil:
		return v.After
	case want == 502:
		return nil
	case v.Fields != c.Fields:
		return fmt.Errorf("the client got the fields %q, want %q", v.Fields, c.Fields)
	case c.Whole && v.Body != c.Body || !strings.HasPrefix(v.Body, c.Body):
		return fmt.Errorf("the client got %q, want %q", v.Body, c.Body)
	}
	return nil
}
