package wire

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

const sample = "POST /v1/chat/completions HTTP/1.1\r\n" +
	"Host: 127.0.0.1:8000\r\n" +
	"User-Agent: OpenAI/Python 2.8.1\r\n" +
	"Accept: application/json\r\n" +
	"Accept-Encoding: gzip, deflate\r\n" +
	"Authorization: Bearer sk-0123456789abcdef0123456789abcdef\r\n" +
	"Content-Type: application/json\r\n" +
	"X-Stainless-Lang: python\r\n" +
	"X-Stainless-Package-Version: 2.8.1\r\n" +
	"Content-Length: 1024\r\n" +
	"\r\n"

var sampleRequest = sample + strings.Repeat("x", 1024)

// passed gives src to a guard in pieces of at most n bytes and returns what it
// lets through.
func passed(src []byte, n int) ([]byte, *Fault) {
	var g Guard
	var out []byte
	for len(src) > 0 {
		piece := append([]byte(nil), src[:min(n, len(src))]...)
		src = src[len(piece):]
		out = append(out, piece[:g.Check(piece)]...)
		if g.Fault() != nil {
			break
		}
	}
	return out, g.Fault()
}

// request is what a parser makes of a request.
type request struct {
	method, target, host, body string
	http11                     bool
}

// byNetHTTP reads the complete requests at the start of src.
func byNetHTTP(src []byte) (list []request, err error) {
	r := bufio.NewReaderSize(bytes.NewReader(src), 64<<10)
	for {
		for { // empty lines before a request, which net/http does not skip
			b, err := r.Peek(2)
			if err != nil {
				return list, nil
			}
			if string(b) != "\r\n" {
				break
			}
			_, _ = r.Discard(2)
		}
		req, err := http.ReadRequest(r)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return list, nil
		}
		if err != nil {
			return list, err
		}
		body, err := io.ReadAll(req.Body)
		if err == io.ErrUnexpectedEOF {
			return list, nil
		}
		if err != nil {
			return list, err
		}
		list = append(list, request{req.Method, req.RequestURI, strings.ToLower(req.Host), string(body), req.ProtoAtLeast(1, 1)})
	}
}

func byFasthttp(src []byte) (list []request) {
	r := bufio.NewReaderSize(bytes.NewReader(src), 64<<10)
	for {
		var req fasthttp.Request
		err := req.Header.Read(r)
		if err == nil {
			err = req.ContinueReadBody(r, 1<<20, false)
		}
		if err != nil {
			return list
		}
		h := &req.Header
		list = append(list, request{string(h.Method()), string(h.RequestURI()), strings.ToLower(string(req.Host())), string(req.Body()), h.IsHTTP11()})
	}
}

// FuzzGuard: what a guard lets through is the same however it comes in, and
// two parsers that are more lenient read the same requests in it.
func FuzzGuard(f *testing.F) {
	f.Add([]byte(sampleRequest), uint8(7))
	f.Add([]byte("\r\n"+sampleRequest+"GET http://a:80/b?c HTTP/1.0\r\nHost: a:80\r\n\r\n"), uint8(1))
	f.Add([]byte("PUT /%2e/a HTTP/1.1\r\nhost: [::1]\r\nTransfer-Encoding: Chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n"), uint8(3))
	f.Add([]byte("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /"), uint8(9))
	f.Fuzz(func(t *testing.T, src []byte, piece uint8) {
		if len(src) > 8<<10 {
			return
		}
		whole, fault := passed(src, len(src)+1)
		for _, n := range []int{1, int(piece) + 1} {
			if got, other := passed(src, n); (other == nil) != (fault == nil) {
				t.Fatalf("in pieces of %d: %v, in one %v", n, other, fault)
			} else if fault == nil && !bytes.Equal(got, whole) {
				t.Fatalf("in pieces of %d: %q, in one %q", n, got, whole)
			}
		}
		if fault == nil && !bytes.Equal(whole, src) {
			t.Fatalf("let through %q of %q", whole, src)
		}
		want := byFasthttp(whole)
		if len(want) == 0 {
			return
		}
		got, err := byNetHTTP(whole)
		if err != nil && len(got) < len(want) {
			t.Fatalf("net/http: %v, in %q", err, whole)
		}
		if !slices.Equal(got[:min(len(got), len(want))], want) {
			t.Fatalf("fasthttp reads %+q\nnet/http reads %+q", fmt.Sprint(want), fmt.Sprint(got))
		}
	})
}

// TestGuardOwesAnAnswer: of a head at fault at least a byte comes through, and
// never its end.
func TestGuardOwesAnAnswer(t *testing.T) {
	for _, head := range []string{
		"\n", "\r\n\n", " ", "GET / HTTP/1.1\n", "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\n\n\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", "\rGET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
	} {
		head += "\r\n\r\n"
		for _, before := range []string{"", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"} {
			for _, piece := range []int{1, 1000} {
				out, fault := passed([]byte(before+head), piece)
				rest, ok := strings.CutPrefix(string(out), before)
				if fault == nil || !ok || rest == "" || strings.Trim(rest, "\r\n") == "" || strings.Contains(strings.TrimLeft(rest, "\r\n"), "\r\n\r\n") {
					t.Errorf("%q in pieces of %d: %q, %v", before+head, piece, out, fault)
				}
			}
		}
	}
}

// TestIsValue compares the fast look with the slow one, for each byte at each
// place.
func TestIsValue(t *testing.T) {
	for c := range 256 {
		for at := range 17 {
			for _, fill := range []byte{'a', ' ', 0x80, 0xff, '\t', 0x7e, '!'} {
				b := bytes.Repeat([]byte{fill}, 17)
				b[at] = byte(c)
				if got, want := IsValue(b), allOf(b, classValue); got != want {
					t.Fatalf("%q: %v", b, got)
				}
			}
		}
	}
}

// TestAllocGuard: a request whose first byte comes by itself, as fasthttp reads
// it, and whose body comes in several pieces, costs no allocation.
func TestAllocGuard(t *testing.T) {
	if raceEnabled {
		return // the race detector allocates
	}
	b := []byte(sampleRequest)
	chunked := []byte("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
	var g Guard
	if n := testing.AllocsPerRun(100, func() {
		g.Check(b[:1])
		g.Check(b[1 : len(sample)+100])
		g.Check(b[len(sample)+100:])
		g.Check(chunked)
	}); n != 0 || g.Fault() != nil {
		t.Errorf("%v allocations, %v", n, g.Fault())
	}
}

func BenchmarkGuard(b *testing.B) {
	for _, size := range []int{0, len(sampleRequest) - len(sample)} {
		b.Run(fmt.Sprintf("body=%d", size), func(b *testing.B) {
			src := []byte(strings.Replace(sample, "1024", fmt.Sprint(size), 1) + sampleRequest[len(sample):][:size])
			var g Guard
			b.ReportAllocs()
			b.SetBytes(int64(len(src)))
			for b.Loop() {
				if g.Check(src) != len(src) {
					b.Fatal(g.Fault())
				}
			}
		})
	}
	b.Run("fasthttp", func(b *testing.B) { // what its own parser takes for the same head, to compare with
		src := []byte(strings.Replace(sample, "1024", "0", 1))
		in := bytes.NewReader(src)
		r := bufio.NewReaderSize(in, 16<<10)
		var h fasthttp.RequestHeader
		b.ReportAllocs()
		for b.Loop() {
			in.Reset(src)
			r.Reset(in)
			if err := h.Read(r); err != nil {
				b.Fatal(err)
			}
		}
	})
}
