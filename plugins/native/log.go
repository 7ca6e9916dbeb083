package native

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/infinirouter/infinirouter/sdk/abi"
)

const (
	maxLogLine = 4 << 10 // bytes of one line, before escaping
	maxSaid    = 256     // bytes kept of what a dying guest said
)

// logBudget is a token bucket of log lines, one per policy, on the machine's
// clock: an exchange's clock stands still.
type logBudget struct {
	mu      sync.Mutex
	rate    float64 // lines a second, and the most that can be saved up
	tokens  float64
	last    time.Time
	dropped int
}

// take asks for one line; dropped is how many were refused since the last one.
func (b *logBudget) take() (dropped int, ok bool) {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.last.IsZero() {
		b.tokens = min(b.rate, b.tokens+b.rate*now.Sub(b.last).Seconds())
	}
	b.last = now
	if b.tokens < 1 {
		b.dropped++
		return 0, false
	}
	b.tokens--
	dropped, b.dropped = b.dropped, 0
	return dropped, true
}

func logLine(c *Call, s []uint64) {
	level := slog.LevelInfo
	switch abi.Level(int32(uint32(s[0]))) {
	case abi.LevelDebug:
		level = slog.LevelDebug
	case abi.LevelWarn:
		level = slog.LevelWarn
	case abi.LevelError:
		level = slog.LevelError
	}
	text := c.view(s[1], s[2])
	if c.policy.Logger.Enabled(c, level) {
		c.write(level, "policy log", text)
	}
}

// notice logs what the router has to say about the policy's call, within the
// policy's budget: the guest decides how often it comes to this.
func (c *Call) notice(message, detail string) {
	c.write(slog.LevelWarn, "policy: "+message, []byte(detail))
}

// write logs one line of or about the guest, if the budget has one left.
func (c *Call) write(level slog.Level, message string, text []byte) {
	dropped, ok := c.policy.budget.take()
	if !ok {
		return
	}
	attrs := make([]slog.Attr, 0, 5)
	attrs = append(attrs, slog.String("policy", c.policy.Name), slog.String("hook", c.place()))
	if c.x != nil {
		if id, ok := c.x.Property(abi.PropertyRequestID); ok {
			attrs = append(attrs, slog.String("request_id", OneLine(id, maxSaid)))
		}
	}
	attrs = append(attrs, slog.String("text", OneLine(text, maxLogLine)))
	if dropped > 0 {
		attrs = append(attrs, slog.Int("dropped_lines", dropped))
	}
	c.Detach() // whoever reads the log may be slow
	c.policy.Logger.LogAttrs(context.Background(), level, message, attrs...)
}

// place names what is being called.
func (c *Call) place() string {
	if c.where == inConfigure {
		return abi.ExportConfigure
	}
	return c.hook.String()
}

// OneLine returns at most limit bytes of text as one printable line of valid
// UTF-8: everything else is escaped as Go escapes it, and a cut is marked.
// Guests must not be able to forge log lines or move a terminal's cursor.
func OneLine(text []byte, limit int) string {
	cut := len(text) > limit
	if cut {
		text = text[:limit]
		last := len(text) - 1
		for last > 0 && last > len(text)-utf8.UTFMax && !utf8.RuneStart(text[last]) {
			last--
		}
		if last >= 0 && !utf8.FullRune(text[last:]) {
			text = text[:last]
		}
	}
	out := make([]byte, 0, len(text)+3)
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && n == 1:
			out = append(out, `\x`...)
			out = append(out, "0123456789abcdef"[text[0]>>4], "0123456789abcdef"[text[0]&15])
		case strconv.IsPrint(r):
			out = append(out, text[:n]...)
		default:
			quoted := strconv.AppendQuoteRune(nil, r)
			out = append(out, quoted[1:len(quoted)-1]...)
		}
		text = text[n:]
	}
	if cut {
		out = append(out, "..."...)
	}
	return string(out)
}
