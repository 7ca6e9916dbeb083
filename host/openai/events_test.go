package openai

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestEventEnd(t *testing.T) {
	for _, tt := range []struct {
		buf         string
		first, last int
	}{
		{"", 0, 0},
		{"data: x", 0, 0},
		{"data: x\n", 0, 0},
		{"data: x\n\n", 9, 9},
		{"data: x\n\ndata: y", 9, 9},
		{"data: x\n\ndata: y\n\n", 9, 18},
		{"data: x\n\ndata: y\n\nda", 9, 18},
		{"data: x\r\n", 0, 0},
		{"data: x\r\n\r", 0, 0},
		{"data: x\r\n\r\n", 11, 11},
		{"data: x\r\n\n", 10, 10},
		{"data: x\n\r\n", 10, 10},
		{"data: x\n\r", 0, 0},
		{"data: x\n\rd", 9, 9},
		{"data: x\r", 0, 0},
		{"data: x\r\r", 9, 9},
		{"data: x\r\rdata", 9, 9},
		{"data: x\r\r\n", 10, 10},
		{"data: x\rdata: y\r\r", 17, 17},
		{"\n", 1, 1},
		{"\r", 0, 0},
		{"\r\n", 2, 2},
		{"\r\r", 1, 1},
		{"x\r\r\r", 3, 3},
		{"\rx", 1, 1},
		{"\n\n\n", 1, 3},
		{": ping\n\n", 8, 8},
		{"event: a\ndata: x\nid: 1\n\n", 24, 24},
		{"data: " + strings.Repeat("x", 5000) + "\r\n\r\n", 5010, 5010},
	} {
		if got := EventEnd([]byte(tt.buf)); got != tt.first {
			t.Errorf("%.40q: first event ends at %d, want %d", tt.buf, got, tt.first)
		}
		if got := LastEventEnd([]byte(tt.buf)); got != tt.last {
			t.Errorf("%.40q: last event ends at %d, want %d", tt.buf, got, tt.last)
		}
	}
}

func TestEventData(t *testing.T) {
	for _, tt := range []struct {
		event string
		data  string
		none  bool
	}{
		{"data: x\n\n", "x", false},
		{"data:x\n\n", "x", false},
		{"data:  x \r\n\r\n", " x ", false},
		{"data\n\n", "", false},
		{"data:\n\n", "", false},
		{"data: a\ndata: b\r\ndata\rdata:c\n\n", "a\nb\n\nc", false},
		{"event: e\nid: 1\ndata: {\"a\":1}\nretry: 5\n\n", `{"a":1}`, false},
		{"\xef\xbb\xbfdata: x\n\n", "x", false},
		{"data : x\n\n", "", true},
		{"database: x\n\n", "", true},
		{" data: x\n\n", "", true},
		{"Data: x\n\n", "", true},
		{": data: x\n\n", "", true},
		{"\n", "", true},
		{"data: x", "x", false},
	} {
		got := EventData(make([]byte, 3), []byte(tt.event))
		if string(got) != tt.data || (got == nil) != tt.none {
			t.Errorf("%q: %q", tt.event, got)
		}
	}
	event := []byte("data: x\n\n")
	if got := EventData(nil, event); &got[0] != &event[6] {
		t.Error("a single value is copied")
	}
}

func TestAppendEvent(t *testing.T) {
	for _, tt := range []struct{ event, data, want string }{
		{"data: x\n\n", "y", "data: y\n\n"},
		{"data:x\r\n\r\n", "y", "data:y\r\n\r\n"},
		{"event: e\nid: 1\ndata: x\nretry: 5\n: c\n\n", `{"a":1}`, "event: e\nid: 1\ndata: {\"a\":1}\nretry: 5\n: c\n\n"},
		{"data: a\nid: 1\ndata: b\n\n", "y", "data: y\nid: 1\n\n"},
		{"data: x\r\r", "y\nz\r\n", "data: y\rdata: z\rdata: \r\r"},
		{"id: 1\rdata: x\n\n", "y", "id: 1\ndata: y\n\n"},
		{"event: e\n\n", "y", "event: e\ndata: y\n\n"},
		{"\n", "y", "data: y\n\n"},
		{"data\n\n", "y", "data: y\n\n"},
		{"data: x\n\n", "", "data: \n\n"},
		{"\xef\xbb\xbfdata: x\n\n", "y", "\xef\xbb\xbfdata: y\n\n"},
	} {
		got := AppendEvent([]byte(">"), []byte(tt.event), []byte(tt.data))
		if string(got) != ">"+tt.want {
			t.Errorf("%q with %q: %q, want %q", tt.event, tt.data, got, tt.want)
		}
	}
	if got := AppendEvent(nil, []byte("id: 1\ndata: x\n\n"), nil); string(got) != "id: 1\n\n" {
		t.Errorf("without data: %q", got)
	}
}

func TestAppendErrorEvent(t *testing.T) {
	got := AppendErrorEvent([]byte("a\n\n"), FormatPlain, 502, "gone\n\ndata: x")
	if string(got) != "a\n\ndata: {\"error\":\"gone\\n\\ndata: x\"}\n\n" {
		t.Errorf("%q", got)
	}
	if EventEnd(got[3:]) != len(got)-3 {
		t.Error("not one event")
	}
}

// frames cuts a stream into events, given chunk by chunk.
func frames(chunks [][]byte) (events []string, rest string) {
	var buf []byte
	for _, chunk := range chunks {
		buf = append(buf, chunk...)
		for n := EventEnd(buf); n > 0; n = EventEnd(buf) {
			events = append(events, string(buf[:n]))
			buf = buf[n:]
		}
	}
	return events, string(buf)
}

// meaningful drops events without any field: a blank line by itself.
func meaningful(events []string) (out []string) {
	for _, e := range events {
		if e = strings.TrimLeft(e, "\r\n"); e != "" {
			out = append(out, strings.TrimRight(e, "\r\n"))
		}
	}
	return out
}

func FuzzEvents(f *testing.F) {
	f.Add([]byte("data: a\n\ndata: b\r\n\r\n: c\r\rdata: d\ndata: e\n\n"), []byte{3, 1, 7})
	f.Add([]byte("\xef\xbb\xbfevent: x\rdata: 1\r\r\ndata: 2\n\r\n\r"), []byte{1})
	f.Add([]byte("\r\r\r\n\n\r\n\r"), []byte{1, 2})
	f.Add([]byte("\ufeff\rdata:\r\r"), []byte{1})
	f.Fuzz(func(t *testing.T, stream, cuts []byte) {
		whole, rest := frames([][]byte{stream})
		if strings.Join(whole, "")+rest != string(stream) {
			t.Fatalf("%q: bytes lost: %q, %q", stream, whole, rest)
		}
		if got := LastEventEnd(stream); got != len(stream)-len(rest) {
			t.Fatalf("%q: last event ends at %d, rest is %q", stream, got, rest)
		}
		var chunks [][]byte
		for left, i := stream, 0; len(left) > 0; i++ {
			n := 1
			if len(cuts) > 0 {
				n = min(len(left), 1+int(cuts[i%len(cuts)]))
			}
			chunks = append(chunks, left[:n])
			left = left[n:]
		}
		events, left := frames(chunks)
		if strings.Join(events, "")+left != string(stream) {
			t.Fatalf("%q: bytes lost in chunks: %q, %q", stream, events, left)
		}
		if a, b := meaningful(whole), meaningful(events); !slices.Equal(a, b) {
			t.Fatalf("%q: %q, in chunks %q", stream, a, b)
		}
		for _, e := range whole {
			data := bytes.Clone(EventData(nil, []byte(e)))
			edited := AppendEvent(nil, []byte(e), data)
			if got := EventData(nil, edited); !bytes.Equal(got, data) && !strings.HasPrefix(e, "\xef\xbb\xbf") {
				t.Fatalf("%q: data %q became %q", e, data, got)
			}
			if EventEnd(append(edited, 'x')) != len(edited) { // 'x': a CR at the very end would be undecided
				t.Fatalf("%q: edited to %q, no single event", e, edited)
			}
			edited = AppendEvent(nil, []byte(e), []byte("one\ntwo"))
			if got := EventData(nil, edited); string(got) != "one\ntwo" {
				t.Fatalf("%q: edited to %q", e, edited)
			}
		}
	})
}

func TestEventsDoNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Log("race builds allocate; the assertions of this test do not apply")
		return
	}
	stream := bytes.Repeat([]byte("data: {\"choices\":[]}\n\n"), 10)
	out := make([]byte, 0, len(stream))
	run := func() {
		out = out[:0]
		for rest := stream; len(rest) > 0; rest = rest[EventEnd(rest):] {
			event := rest[:EventEnd(rest)]
			out = AppendEvent(out, event, EventData(nil, event))
		}
		if !bytes.Equal(out, stream) || LastEventEnd(out) != len(out) {
			t.Fatal("events")
		}
	}
	run()
	if n := testing.AllocsPerRun(100, run); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
