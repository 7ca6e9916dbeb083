//go:build unix

package fast

import (
	"fmt"
	"net/http"
	"time"

	"github.com/infinirouter/infinirouter/bench/loop"
)

// reply is what a connection's request gets.
type reply struct {
	made     *rendered
	id       [idLength]byte
	stream   bool
	raw      bool  // HTTP/1.0: no chunks, the end is the connection's
	seq      int   // the next token
	due      int64 // when it is to come
	start    int64 // when the first is to come
	interval time.Duration
	first    time.Duration
	cut      int // close after that many tokens; 0: do not
	hang     int // go silent after that many tokens; 0: do not
}

// request answers the request at the beginning of b. It returns how many bytes
// that took, 0 if it is not complete; need is then the least that would be.
func (s *service) request(c *conn, b []byte) (n, need int) {
	h, err := readHead(b)
	if err != nil {
		s.refuse(c, http.StatusBadRequest, err.Error(), true)
		return len(b), 0
	}
	if h.size == 0 {
		return 0, 0
	}
	if n = h.size + h.length; n > len(b) {
		if h.expect && !c.asked {
			c.asked = true
			s.send(c, []byte("HTTP/1.1 100 Continue\r\n\r\n"))
		}
		return 0, n
	}
	c.asked, c.close = false, h.close
	switch body := b[h.size:n]; {
	case string(h.method) == "POST" && string(trimV1(h.path)) == "/chat/completions":
		s.complete(c, h, body, true)
	case string(h.method) == "POST" && string(trimV1(h.path)) == "/completions":
		s.complete(c, h, body, false)
	default:
		s.control(c, h, body)
	}
	return n, 0
}

func trimV1(path []byte) []byte {
	if len(path) > 3 && string(path[:3]) == "/v1" {
		return path[3:]
	}
	return path
}

// complete begins to answer a request for a completion.
func (s *service) complete(c *conn, h head, body []byte, chat bool) {
	a, err := readBody(body)
	s.stats.Requests++
	if err != nil {
		s.refuse(c, http.StatusBadRequest, err.Error(), false)
		return
	}
	s.stats.Open++
	s.stats.MaxOpen = max(s.stats.MaxOpen, s.stats.Open)
	b := &s.cfg.Behaviour
	form := shape{chat: chat, usage: a.usage && a.stream, tokens: b.Tokens}
	if a.stream {
		s.stats.Streams++
		form.event = b.EventBytes
	} else {
		form.bytes = b.ReplyBytes
	}
	if a.tokens > 0 {
		form.tokens = a.tokens
	}
	delay := b.Delay
	c.reply = reply{stream: a.stream, raw: h.old, interval: b.Interval, first: b.FirstToken}
	if h.asks.any {
		h.asks.shape(&form, a.stream)
		delay = c.reply.override(&h.asks, delay)
	}
	c.made = s.made.get(a.model, form)
	c.setID(a.user, &s.ids)
	c.state = delayed
	c.mark++
	if s.misbehave(c, &h.asks) {
		return
	}
	now := loop.Now()
	if delay > 0 {
		s.timers.Add(now+int64(delay), c, c.mark)
		return
	}
	s.proceed(c, now)
}

// shape changes what a request asks to be otherwise.
func (a *asks) shape(form *shape, stream bool) {
	if a.tokens > 0 {
		form.tokens = a.tokens
	}
	if a.bytes > 0 && !stream {
		form.bytes = a.bytes
	}
	if a.event > 0 && stream {
		form.event = a.event
	}
}

func (r *reply) override(a *asks, delay time.Duration) time.Duration {
	if a.first >= 0 {
		r.first = a.first
	}
	if a.interval >= 0 {
		r.interval = a.interval
	}
	if a.delay >= 0 {
		delay = a.delay
	}
	r.cut, r.hang = a.cut, a.hangAfter
	return delay
}

// setID takes the request's name, or makes one up.
func (r *reply) setID(user []byte, ids *uint64) {
	if len(user) == idLength {
		copy(r.id[:], user)
		return
	}
	*ids++
	putNumber(r.id[:], int(*ids))
}

// misbehave does what the fault rates or the request ask for, and says whether
// that was all there is to do.
func (s *service) misbehave(c *conn, a *asks) bool {
	b := &s.cfg.Behaviour
	switch {
	case a.drop || s.drops.take(b.DropRate):
		s.stats.Dropped++
		s.shut(c)
	case a.status > 0:
		s.over(c)
		s.refuse(c, a.status, "This service was told to answer so.", false)
	case s.fails.take(b.ErrorRate):
		s.over(c)
		s.refuse(c, b.ErrorStatus, "This service was told to answer so.", false)
	case a.hang || s.hangs.take(b.HangRate):
		s.stats.Hung++
		c.state = hung
	default:
		if s.cuts.take(b.CutRate) {
			c.cut = max(1, c.made.tokens/2)
		}
		return false
	}
	return true
}

// proceed does what is due.
func (s *service) proceed(c *conn, now int64) {
	switch c.state {
	case idle:
		s.use(c, c.in, true)
	case delayed:
		if c.stream {
			s.openStream(c, now)
			return
		}
		wait := int64(c.first) + int64(c.made.tokens-1)*int64(c.interval)
		c.state = waiting
		if wait > 0 {
			s.timers.Add(now+wait, c, c.mark)
			return
		}
		s.whole(c)
	case waiting:
		s.whole(c)
	case streams:
		s.tokens(c, now)
	}
}

// whole sends a reply that does not stream.
func (s *service) whole(c *conn) {
	b := c.made.whole.fill(&c.id, 0)
	if c.cut > 0 {
		s.stats.Cut++
		s.send(c, b[:len(b)/2])
		s.finish(c, true)
		return
	}
	s.send(c, b)
	s.stats.Answered++
	s.finish(c, c.close)
}

// over ends a request in the counts.
func (s *service) over(c *conn) {
	s.stats.Open--
	c.state = idle
	c.mark++
}

// finish ends a request whose reply is written, or in c.out.
func (s *service) finish(c *conn, shut bool) {
	if c.fd < 0 {
		return
	}
	s.over(c)
	if !shut {
		s.next(c)
		return
	}
	c.state = closing
	if len(c.out) == 0 {
		s.shut(c)
	}
}

// next goes on with what was read while a request was being answered.
func (s *service) next(c *conn) {
	if !s.using && len(c.out) == 0 && len(c.in) > 0 && len(c.in) >= c.need {
		s.timers.Add(0, c, c.mark) // not here: replies would nest
	}
}

// refuse answers with an error.
func (s *service) refuse(c *conn, status int, message string, shut bool) {
	s.stats.Failed++
	kind := "BadRequestError"
	if status >= 500 {
		kind = "InternalServerError"
	}
	s.answer(c, status, fmt.Sprintf(`{"error":{"message":%q,"type":"%s","param":null,"code":%d}}`, message, kind, status), shut)
}

// answer sends a small JSON reply.
func (s *service) answer(c *conn, status int, body string, shut bool) {
	connection := ""
	if shut = shut || c.close; shut {
		connection = "Connection: close\r\n"
	}
	s.send(c, fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s",
		status, http.StatusText(status), connection, len(body), body))
	if c.fd >= 0 && shut {
		c.state = closing
		if len(c.out) == 0 {
			s.shut(c)
		}
	}
}
