package service

import (
	"net/http"
	"strconv"
	"time"
)

// stream writes a reply piece by piece, each flushed, at the service's pace.
type stream struct {
	x      *exchange
	rc     *http.ResponseController
	tokens int
	buf    []byte
}

// open starts a reply that streams. The head goes out with the first piece.
func (x *exchange) open(contentType string) *stream {
	h := x.w.Header()
	h.Set("Content-Type", contentType)
	if contentType == "text/event-stream; charset=utf-8" {
		h.Set("Cache-Control", "no-cache")
	}
	return &stream{x: x, rc: http.NewResponseController(x.w)}
}

// token waits until the next token is due, and does the faults that count
// tokens. It comes before the piece that carries the token.
func (st *stream) token() error {
	x, f := st.x, &st.x.faults
	if f.CutAfterTokens > 0 && st.tokens == f.CutAfterTokens {
		return errCut
	}
	if f.HangAfterTokens > 0 && st.tokens == f.HangAfterTokens {
		<-x.ctx.Done()
		return x.ctx.Err()
	}
	var d time.Duration
	if st.tokens > 0 {
		d = x.svc.cfg.TokenDelay
	}
	st.tokens++
	return x.sleep(d)
}

// piece writes and flushes one piece, after its gate.
func (st *stream) piece(b []byte) error {
	x := st.x
	if x.gate != nil {
		x.svc.log.change(func() { x.seen.Waiting = true })
		if err := x.gate.pass(x.ctx); err != nil {
			return err
		}
	}
	if err := x.ctx.Err(); err != nil {
		return err
	}
	if _, err := x.w.Write(b); err != nil {
		return err
	}
	if err := st.rc.Flush(); err != nil {
		return err
	}
	x.svc.log.change(func() {
		x.seen.Waiting = false
		x.seen.Status = http.StatusOK
		x.seen.Events++
	})
	return nil
}

// event writes one SSE event. name is "" for a plain data event.
func (st *stream) event(name string, data []byte) error {
	b := st.buf[:0]
	if name != "" {
		b = append(b, "event: "...)
		b = append(b, name...)
		b = append(b, '\n')
	}
	b = append(b, "data: "...)
	b = append(b, data...)
	st.buf = append(b, "\n\n"...)
	return st.piece(st.buf)
}

const sse = "text/event-stream; charset=utf-8"

// id returns a fresh id such as "chatcmpl-1f".
func (x *exchange) id(prefix string) string {
	return prefix + strconv.FormatUint(x.svc.ids.Add(1)<<8|x.svc.cfg.Seed&0xff, 16)
}
