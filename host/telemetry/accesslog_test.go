package telemetry

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// lines are what a log wrote, decoded.
func lines(t *testing.T, written []byte) (all []map[string]any) {
	t.Helper()
	for line := range bytes.Lines(written) {
		var m map[string]any
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, m)
	}
	return all
}

func TestLine(t *testing.T) {
	var out bytes.Buffer
	l := NewAccessLog(&out)
	l.Write(record())
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	const line = `{"time":"2024-01-15T10:30:00Z","level":"INFO","msg":"request","id":"req-1","client":"192.0.2.1","key":"team",` +
		`"method":"POST","path":"/v1/chat/completions","route":"default","model_asked":"gpt-4","model":"Qwen3-32B","service":"a",` +
		`"status":200,"attempts":1,"stream":true,"body_bytes":700,"reply_bytes":3000,"first_byte_us":30000,"total_us":2000000,` +
		`"tokens_in":12,"tokens_out":340,"outcome":"ok","log.arm":"b"}` + "\n"
	if out.String() != line {
		t.Errorf("got  %swant %s", out.String(), line)
	}
}

// TestHostileText: whatever a client sends, a line stays one line of JSON.
func TestHostileText(t *testing.T) {
	var out bytes.Buffer
	l := NewAccessLog(&out)
	r := record()
	r.Path = []byte("/\n{\"status\":1}\r\n\x00\xff\u2028" + strings.Repeat("x", 100_000))
	r.ModelAsked = []byte(strings.Repeat("é", 5000))
	r.Vars = append(r.Vars, Var{[]byte("log.\"\n"), []byte("\"},\n{")}, Var{nil, nil})
	l.Write(r)
	l.Write(&Record{})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	all := lines(t, out.Bytes())
	if len(all) != 2 || all[0]["status"] != 200.0 || all[1]["status"] != 0.0 {
		t.Errorf("%v", all)
	}
	if out.Len() > 8<<10 {
		t.Errorf("%d bytes", out.Len())
	}
}

// TestNothingKept: the record's bytes are free once Write has returned.
func TestNothingKept(t *testing.T) {
	var out bytes.Buffer
	l := NewAccessLog(&out)
	r := record()
	l.Write(r)
	clear(r.Path)
	clear(r.Model)
	clear(r.Vars[0].Value)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got := lines(t, out.Bytes())[0]; got["path"] != "/v1/chat/completions" || got["model"] != "Qwen3-32B" || got["log.arm"] != "b" {
		t.Errorf("%v", got)
	}
}

// stuckWriter writes only what it is let.
type stuckWriter struct {
	let     chan struct{}
	mu      sync.Mutex
	written bytes.Buffer
}

func (w *stuckWriter) Write(p []byte) (int, error) {
	<-w.let
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.written.Write(p)
}

func TestFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &stuckWriter{let: make(chan struct{})}
		l := NewAccessLog(w)
		for range 100 {
			l.Write(record()) // none waits
		}
		flushed := false
		go func() {
			if err := l.Flush(); err != nil {
				t.Error(err)
			}
			flushed = true
		}()
		synctest.Wait()
		if flushed {
			t.Error("flushed, while the writer is stuck")
		}
		close(w.let)
		synctest.Wait()
		if !flushed || len(lines(t, w.written.Bytes())) != 100 {
			t.Errorf("flushed: %v, lines: %d", flushed, len(lines(t, w.written.Bytes())))
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestSlowWriter: a writer that falls too far behind costs lines, never
// requests, and the log says how many.
func TestSlowWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &stuckWriter{let: make(chan struct{})}
		l := NewAccessLog(w)
		r := record()
		r.Path = bytes.Repeat([]byte("x"), maxLogged)
		l.Write(r)
		synctest.Wait() // the first line is with the writer
		const wrote = 2 * maxQueued / maxLogged
		for range wrote {
			l.Write(r)
		}
		close(w.let)
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		all := lines(t, w.written.Bytes())
		last := all[len(all)-1]
		missing, _ := last["lines"].(float64)
		if last["level"] != "WARN" || missing < 1 || len(all)-1+int(missing) != wrote+1 {
			t.Errorf("%d lines, the last is %v", len(all), last)
		}
	})
}

func TestAfterClose(t *testing.T) {
	var out bytes.Buffer
	l := NewAccessLog(&out)
	for range 2 {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	l.Write(record())
	if err := l.Flush(); err != nil || len(lines(t, out.Bytes())) != 1 {
		t.Errorf("%v, %q", err, out.String())
	}
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

func TestWriterError(t *testing.T) {
	l := NewAccessLog(brokenWriter{io.ErrClosedPipe})
	l.Write(record())
	if err := l.Flush(); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Flush: %v", err)
	}
	l.Write(record())
	if err := l.Close(); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Close: %v", err)
	}
}

func TestManyWriters(t *testing.T) {
	var out bytes.Buffer
	l := NewAccessLog(&out)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 500 {
				l.Write(record())
			}
		})
	}
	all.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if n := len(lines(t, out.Bytes())); n != 4000 {
		t.Errorf("%d lines", n)
	}
}

func TestWriteAllocations(t *testing.T) {
	l := NewAccessLog(io.Discard)
	defer l.Close()
	r := record()
	for range 100 { // until the buffers have grown
		l.Write(r)
	}
	if n := testing.AllocsPerRun(200, func() { l.Write(r); _ = l.Flush() }); n != 0 && !raceEnabled {
		t.Errorf("Write allocates %v times", n)
	}
}

func BenchmarkAccessLog(b *testing.B) {
	l := NewAccessLog(io.Discard)
	defer l.Close()
	r := record()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			l.Write(r)
		}
	})
}
