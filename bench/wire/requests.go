package wire

import (
	"fmt"
	"slices"
	"strings"
)

// Outcome is what became of a client's bytes.
type Outcome struct {
	Statuses []int // of the replies, interim ones included
	Closed   bool  // the connection was closed
	Waiting  bool  // nothing more came, and it was not closed
	Reached  []Received
	Err      error // what came could not be read as replies
}

// Request sends a case's bytes in pieces and gathers what comes of it: all that
// comes as long as more does, or where known, what the case expects.
func Request(addr string, s *Service, c *Case, piece int, known bool) (o Outcome, err error) {
	s.Follow(nil)
	conn, err := dial(addr, methodOf(c.Send))
	if err != nil {
		return o, err
	}
	defer conn.close()
	conn.send(c.Send, piece, c.Then)
	wait, enough := idle, func() bool { return false }
	if known {
		finals := 0
		for _, status := range c.Statuses {
			if status >= 200 {
				finals++
			}
		}
		wait, enough = longest, func() bool { return !c.Closed && conn.finals() >= finals }
	}
	o.Waiting = !conn.receive(wait, enough)
	list, err := conn.replies()
	for _, m := range list {
		o.Statuses = append(o.Statuses, m.Status())
	}
	o.Err, o.Closed, o.Reached = err, conn.ended || conn.err != nil, s.Log()
	if known && !o.Closed && !c.Closed {
		return o, followUp(conn)
	}
	return o, nil
}

// Good is a request with nothing wrong in it.
const Good = "POST /v1/chat/completions HTTP/1.1\r\nHost: router\r\nContent-Length: 17\r\n\r\n" + OwnReply

// followUp asks once more on a connection: it must be able to, and get an answer
// of its own.
func followUp(conn *client) error {
	if conn.rest != "" {
		return fmt.Errorf("%q came behind the reply", conn.rest)
	}
	conn.got, conn.methods = "", []string{"POST"}
	conn.send(Good, len(Good), Hold)
	conn.receive(longest, func() bool { return conn.finals() > 0 })
	list, err := conn.replies()
	if err != nil || len(list) != 1 || list[0].Status() != 200 || list[0].Body != OwnReply {
		return fmt.Errorf("the request after it got %q, %v, %v", conn.got, err, conn.err)
	}
	return nil
}

// Judge compares an outcome with what the case expects of the router.
func (c *Case) Judge(o Outcome) error {
	var wrong []string
	if o.Err != nil {
		wrong = append(wrong, fmt.Sprintf("the client got what is no reply: %v", o.Err))
	}
	if !slices.Equal(o.Statuses, c.Statuses) {
		wrong = append(wrong, fmt.Sprintf("the client got %v, want %v", o.Statuses, c.Statuses))
	}
	if o.Closed != c.Closed {
		wrong = append(wrong, fmt.Sprintf("the connection was closed: %v, want %v", o.Closed, c.Closed))
	}
	var reached []string
	for _, r := range o.Reached {
		if r.Err != nil {
			wrong = append(wrong, fmt.Sprintf("the service received what can be read in two ways: %v", r.Err))
			continue
		}
		reached = append(reached, Digest(r.Message))
		if lengths := r.Message.Values("Content-Length"); len(lengths) != 1 || lengths[0] != fmt.Sprint(len(r.Message.Body)) {
			wrong = append(wrong, fmt.Sprintf("the service received lengths %q", lengths))
		}
	}
	if !slices.Equal(reached, c.Reached) {
		wrong = append(wrong, fmt.Sprintf("the service received\n%s\nwant\n%s", strings.Join(reached, "\n"), strings.Join(c.Reached, "\n")))
	}
	if wrong == nil {
		return nil
	}
	return fmt.Errorf("%s", strings.Join(wrong, "\n"))
}
