package telemetry

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
	"unsafe"
)

// maxLogged bounds what one text of a client may take of a line.
const maxLogged = 1024

// AccessLog writes one line for each request: ids, route, models, service,
// status, sizes, times in microseconds, tokens, how it ended, and the vars that
// policies chose. Its methods may be called from any goroutine.
type AccessLog struct {
	handler slog.Handler
	out     *queue
}

// NewAccessLog returns a log of JSON lines. The caller must Close it, and
// leaves w alone until then.
func NewAccessLog(w io.Writer) *AccessLog {
	out := newQueue(w, func(dropped uint64) []byte {
		var b bytes.Buffer
		line := slog.NewRecord(time.Now(), slog.LevelWarn, "access log lines dropped: the writer is too slow", 0)
		line.AddAttrs(slog.Uint64("lines", dropped))
		_ = slog.NewJSONHandler(&b, nil).Handle(context.Background(), line) // a buffer takes all
		return b.Bytes()
	})
	return &AccessLog{slog.NewJSONHandler(out, nil), out}
}

// Write puts r's line into memory, from where a goroutine writes it out at
// once. It waits for nobody: when the writer falls megabytes behind, lines are
// dropped, and a line says how many.
func (l *AccessLog) Write(r *Record) {
	attrs := attrLists.Get().(*[]slog.Attr)
	*attrs = appendAttrs((*attrs)[:0], r)
	line := slog.NewRecord(r.Time, slog.LevelInfo, "request", 0)
	line.AddAttrs(slog.Attr{Value: slog.GroupValue(*attrs...)}) // a group without a name is its attributes
	_ = l.handler.Handle(context.Background(), line)            // the queue takes all
	clear(*attrs)
	attrLists.Put(attrs)
}

// Flush waits until everything that was written before is written out, and
// returns the first error that this ever met.
func (l *AccessLog) Flush() error { return l.out.flush() }

// Close flushes and ends the log's goroutine. A Write after it goes straight
// through.
func (l *AccessLog) Close() error { return l.out.close() }

var attrLists = sync.Pool{New: func() any {
	attrs := make([]slog.Attr, 0, 32)
	return &attrs
}}

// appendAttrs leaves out what the request does not have.
func appendAttrs(to []slog.Attr, r *Record) []slog.Attr {
	to = appendText(to, "id", view(r.RequestID))
	to = appendText(to, "client", view(r.ClientAddress))
	to = appendText(to, "key", r.APIKeyID)
	to = appendText(to, "method", view(r.Method))
	to = appendText(to, "path", view(r.Path))
	to = appendText(to, "route", r.Route)
	to = appendText(to, "model_asked", view(r.ModelAsked))
	to = appendText(to, "model", view(r.Model))
	to = appendText(to, "fallback", r.Fallback)
	to = appendText(to, "service", r.Service)
	to = append(to, slog.Int("status", r.Status))
	to = appendCount(to, "attempts", int64(r.Attempts))
	if r.Stream {
		to = append(to, slog.Bool("stream", true))
	}
	to = append(to, slog.Int64("body_bytes", r.BodyBytes), slog.Int64("reply_bytes", r.ReplyBytes))
	to = appendCount(to, "queued_us", r.Queued.Microseconds())
	to = appendCount(to, "first_byte_us", r.FirstByte.Microseconds())
	to = append(to, slog.Int64("total_us", r.Total.Microseconds()))
	to = appendCount(to, "tokens_in", r.TokensIn)
	to = appendCount(to, "tokens_out", r.TokensOut)
	to = appendText(to, "outcome", r.Outcome)
	to = appendText(to, "error", r.Err)
	for i := range r.Vars {
		to = append(to, slog.String(view(r.Vars[i].Name), view(r.Vars[i].Value)))
	}
	return to
}

func appendText(to []slog.Attr, key, value string) []slog.Attr {
	if value == "" {
		return to
	}
	return append(to, slog.String(key, value[:min(len(value), maxLogged)]))
}

func appendCount(to []slog.Attr, key string, n int64) []slog.Attr {
	if n == 0 {
		return to
	}
	return append(to, slog.Int64(key, n))
}

// view is b as a string without a copy. The handler formats it before Write
// returns, while the record's bytes are still its own.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
