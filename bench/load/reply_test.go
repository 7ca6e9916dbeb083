//go:build unix

package load

import (
	"fmt"
	"strings"
	"testing"

	"github.com/infinirouter/infinirouter/bench/corpus"
)

const (
	sseHead  = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
	jsonHead = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
)

// chunk frames text as one chunk.
func chunk(text string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(text), text) }

// ignored takes what a test does not look at.
var ignored = newRecorder(Job{})

// read feeds a whole reply in pieces of a size and says what the reader found.
func read(text string, stream bool, piece int) *reader {
	r := &reader{}
	r.start(stream, corpus.Name(1), ignored)
	for at := 0; at < len(text) && r.at != atEnd && r.fault == ""; {
		end := min(len(text), at+piece)
		used := r.feed([]byte(text[at:end]), int64(at)+1)
		if used == 0 {
			panic("no progress")
		}
		at += used
	}
	if r.at != atEnd && r.fault == "" {
		r.cut()
	}
	return r
}

func TestRepliesAreToldApart(t *testing.T) {
	const done = "data: [DONE]\n\n"
	hi := `data: {"choices":[{"delta":{"content":"hi"}}]}` + "\n\n"
	for _, c := range []struct {
		name, text string
		stream     bool
		want       string
	}{
		{"length", jsonHead + "Content-Length: 2\r\n\r\n{}", false, ""},
		{"length cut", jsonHead + "Content-Length: 3\r\n\r\n{}", false, ErrCut},
		{"empty", jsonHead + "Content-Length: 0\r\n\r\n", false, ErrReply},
		{"no JSON", jsonHead + "Content-Length: 2\r\n\r\n{x", false, ErrReply},
		{"not called JSON", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", false, ErrReply},
		{"to the end of the connection", jsonHead + "\r\n{}", false, ""},
		{"HTTP/1.0", strings.Replace(jsonHead, "1.1", "1.0", 1) + "\r\n{}", false, ""},
		{"chunks of JSON", jsonHead + "Transfer-Encoding: chunked\r\n\r\n" + chunk("{") + chunk("}") + "0\r\n\r\n", false, ""},
		{"100 first", "HTTP/1.1 100 Continue\r\n\r\n" + jsonHead + "Content-Length: 2\r\n\r\n{}", false, ""},
		{"stream", sseHead + chunk(hi) + chunk(done) + "0\r\n\r\n", true, ""},
		{"all in one chunk", sseHead + chunk(hi+done) + "0\r\n\r\n", true, ""},
		{"event over two chunks", sseHead + chunk(hi[:9]) + chunk(hi[9:]) + chunk(done) + "0\r\n\r\n", true, ""},
		{"CRLF, comment, several fields", sseHead + chunk(": ping\r\n\r\nevent: x\r\n"+strings.ReplaceAll(hi+done, "\n", "\r\n")) + "0\r\n\r\n", true, ""},
		{"chunk extension and trailer", sseHead + "b;x=y\r\n" + (hi + done)[:11] + "\r\n" + chunk((hi + done)[11:]) + "0\r\nT: 1\r\n\r\n", true, ""},
		{"no [DONE]", sseHead + chunk(hi) + "0\r\n\r\n", true, ErrReply},
		{"[DONE] alone", sseHead + chunk(done) + "0\r\n\r\n", true, ErrReply},
		{"two [DONE]", sseHead + chunk(hi+done+done) + "0\r\n\r\n", true, ErrReply},
		{"more behind [DONE]", sseHead + chunk(hi+done+hi) + "0\r\n\r\n", true, ErrReply},
		{"error event", sseHead + chunk(hi+"data: {\"error\":{}}\n\n"+done) + "0\r\n\r\n", true, ErrReply},
		{"cut between chunks", sseHead + chunk(hi+done), true, ErrCut},
		{"cut in a chunk", sseHead + chunk(hi)[:20], true, ErrCut},
		{"cut in the head", sseHead[:30], true, ErrReset},
		{"no chunk size", sseHead + "zz\r\n", true, ErrHTTP},
		{"chunk without an end", sseHead + "2\r\nabc\r\n", true, ErrHTTP},
		{"JSON for a stream", jsonHead + "Content-Length: 2\r\n\r\n{}", true, ErrReply},
		{"bad length", jsonHead + "Content-Length: -2\r\n\r\n{}", false, ErrHTTP},
		{"no colon", "HTTP/1.1 200 OK\r\nnothing\r\n\r\n", false, ErrHTTP},
		{"garbage", "SSH-2.0-x\r\n", false, ErrHTTP},
		{"status", "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\n{}", true, "status 502"},
		{"no content", "HTTP/1.1 204 No Content\r\n\r\n", false, "status 204"},
	} {
		for _, piece := range []int{1, 2, 7, 1 << 20} {
			if r := read(c.text, c.stream, piece); r.fault != c.want {
				t.Errorf("%s, %d bytes at a time: %q, want %q", c.name, piece, r.fault, c.want)
			}
		}
	}
}

// event is token n of a numbered stream of three, of the request with a name.
func event(name uint64, n int) string {
	id := corpus.Name(name)
	return chunk(fmt.Sprintf(`data: {"id":"chatcmpl-%s","system_fingerprint":"fake-%06d","choices":[{"delta":{"content":" %06d"}}]}`+"\n\n", id[:], 3, n))
}

func TestEveryEventIsAccountedFor(t *testing.T) {
	for _, c := range []struct {
		name                            string
		tokens                          []int // 100 and above: of another request
		lost, doubled, reordered, alien int64
		want                            string
	}{
		{"all", []int{0, 1, 2}, 0, 0, 0, 0, ""},
		{"first lost", []int{1, 2}, 1, 0, 0, 0, ErrOrder},
		{"middle lost", []int{0, 2}, 1, 0, 0, 0, ErrOrder},
		{"last lost", []int{0, 1}, 1, 0, 0, 0, ErrOrder},
		{"doubled", []int{0, 1, 1, 2}, 0, 1, 0, 0, ErrOrder},
		{"last doubled", []int{0, 1, 2, 2}, 0, 1, 0, 0, ErrOrder},
		{"swapped", []int{0, 2, 1}, 0, 0, 1, 0, ErrOrder},
		{"backwards", []int{2, 1, 0}, 0, 0, 2, 0, ErrOrder},
		{"lost and doubled", []int{0, 0, 2}, 1, 1, 0, 0, ErrOrder},
		{"one too many", []int{0, 1, 2, 3}, 0, 0, 0, 1, ErrForeign},
		{"foreign", []int{0, 1, 101, 2}, 0, 0, 0, 1, ErrForeign},
		{"all foreign", []int{100, 101, 102}, 3, 0, 0, 3, ErrForeign},
	} {
		text := sseHead
		for _, n := range c.tokens {
			text += event(1+uint64(n/100), n%100)
		}
		r := read(text+chunk("data: [DONE]\n\n")+"0\r\n\r\n", true, 64)
		if r.fault != c.want || r.lost != c.lost || r.doubled != c.doubled || r.reordered != c.reordered || r.foreign != c.alien || !r.numbered {
			t.Errorf("%s: %q, lost %d, doubled %d, reordered %d, foreign %d", c.name, r.fault, r.lost, r.doubled, r.reordered, r.foreign)
		}
	}
}

func TestAnotherRequestsReplyIsSeen(t *testing.T) {
	for name, want := range map[uint64]string{1: "", 2: ErrForeign} {
		id := corpus.Name(name)
		body := fmt.Sprintf(`{"id":"chatcmpl-%s","system_fingerprint":"fake-000003"}`, id[:])
		r := read(fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", jsonHead, len(body), body), false, 10)
		if r.fault != want || !r.numbered {
			t.Errorf("%d: %q", name, r.fault)
		}
	}
}

func TestGapsAreBetweenEventsWithContent(t *testing.T) {
	r := &reader{}
	rec := newRecorder(Job{})
	r.start(true, corpus.Name(1), rec)
	now := int64(1000)
	feed := func(text string, at int64) { r.feed([]byte(text), at) }
	feed(sseHead+chunk("data: {\"choices\":[{\"delta\":{\"content\":\"\"}}]}\n\n"), now)
	feed(event(1, 0), now+10)
	feed(event(1, 1), now+30)
	feed(event(1, 2)+chunk("data: {\"choices\":[{\"delta\":{}}]}\n\ndata: [DONE]\n\n")+"0\r\n\r\n", now+60)
	if r.fault != "" || r.firstToken() != now+10 || rec.r.Gap.Count() != 2 || rec.r.Gap.Min() != 20 || rec.r.Gap.Max() != 30 {
		t.Errorf("%q, first token %d, gaps %d from %d to %d", r.fault, r.firstToken(), rec.r.Gap.Count(), rec.r.Gap.Min(), rec.r.Gap.Max())
	}
}

// FuzzReply holds the reader to one verdict, however the bytes come, and to its bounds.
func FuzzReply(f *testing.F) {
	f.Add(jsonHead+"Content-Length: 2\r\n\r\n{}", false, 3)
	f.Add(sseHead+event(1, 0)+event(1, 2)+chunk("data: [DONE]\n\n")+"0\r\n\r\n", true, 1)
	f.Add("HTTP/1.0 200 OK\r\n\r\n", false, 5)
	f.Fuzz(func(t *testing.T, text string, stream bool, piece int) {
		whole := read(text, stream, len(text)+1)
		parts := read(text, stream, 1+piece&63)
		if whole.fault != parts.fault || whole.body != parts.body || whole.check.events != parts.check.events || whole.lost != parts.lost {
			t.Errorf("at once %q, %d bytes, %d events; in parts %q, %d, %d", whole.fault, whole.body, whole.check.events, parts.fault, parts.body, parts.check.events)
		}
	})
}
